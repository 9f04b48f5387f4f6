//! The steps of a chain: its warm-up, then draws at a constant learning rate or in cycles.

/// The largest learning rate of a cycle where it is automatic, in units of the rate that is chosen for draws.
const MOST: f64 = 4.0;

/// What a chain does in each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Schedule {
    /// Steps of the warm-up.
    pub(super) warmup: usize,
    /// Steps from one draw to the next.
    pub(super) thinning: usize,
    pub(super) draws: usize,
    pub(super) cycles: Option<Cycles>,
}

/// Cyclical learning rates (Zhang, Li, Zhang, Chen and Wilson 2020, "Cyclical Stochastic Gradient MCMC for Bayesian Deep
/// Learning").
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cycles {
    count: usize,
    /// Steps of a cycle.
    length: usize,
    /// The first of them, which explore without noise and without draws.
    exploration: usize,
    /// The learning rate at the start of a cycle, in units of that of the warm-up.
    peak: f64,
}

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stage {
    WarmUp,
    /// The first part of a cycle.
    Exploration,
    Sampling,
}

impl Cycles {
    /// `count` cycles that explore for a share of their steps and then sample for this many steps.
    pub(super) fn new(count: usize, share: f64, sampling: usize, is_automatic: bool) -> Self {
        let length = ((sampling as f64 / (1.0 - share)).ceil() as usize).max(sampling);
        // The chosen rate is then that of the first draws of a cycle.
        let peak = if is_automatic { (2.0 / ((std::f64::consts::PI * share).cos() + 1.0)).min(MOST) } else { 1.0 };
        Cycles { count, length, exploration: length - sampling, peak }
    }
}

impl Schedule {
    /// All steps of a chain.
    pub(super) fn steps(&self) -> usize {
        self.warmup + self.cycles.map_or(self.draws * self.thinning, |cycles| cycles.count * cycles.length)
    }

    pub(super) fn stage(&self, step: usize) -> Stage {
        match self.cycles {
            _ if step < self.warmup => Stage::WarmUp,
            Some(cycles) if (step - self.warmup) % cycles.length < cycles.exploration => Stage::Exploration,
            _ => Stage::Sampling,
        }
    }

    /// The learning rate in units of that of the warm-up: Zhang et al. 2020, eq. 1, in cycles.
    pub(super) fn factor(&self, step: usize) -> f64 {
        match self.cycles {
            Some(cycles) if step >= self.warmup => {
                let passed = ((step - self.warmup) % cycles.length) as f64 / cycles.length as f64;
                0.5 * cycles.peak * ((std::f64::consts::PI * passed).cos() + 1.0)
            }
            _ => 1.0,
        }
    }

    /// Whether the momentum is drawn anew before this step: at the start, and where noise sets in again.
    pub(super) fn draws_momentum(&self, step: usize) -> bool {
        step == 0 || self.stage(step - 1) == Stage::Exploration && self.stage(step) == Stage::Sampling
    }

    /// Whether the position after this step is a draw.
    pub(super) fn is_draw(&self, step: usize) -> bool {
        let before = match self.cycles {
            Some(cycles) if step >= self.warmup => self.warmup + cycles.exploration,
            _ => self.warmup,
        };
        let within = match self.cycles {
            Some(cycles) if step >= self.warmup => self.warmup + (step - self.warmup) % cycles.length,
            _ => step,
        };
        within >= before && (within - before + 1).is_multiple_of(self.thinning)
    }

    /// Whether the learning rate and the preconditioner are chosen anew before this step: at the start, and after each
    /// thirty-second part of the warm-up up to three quarters.
    pub(super) fn adapts(&self, step: usize) -> bool {
        step == 0 || step < self.warmup && (1..=24).any(|parts| step == self.warmup * parts / 32)
    }

    /// Whether the gradient of this step counts for the preconditioner.
    pub(super) fn measures_gradients(&self, step: usize) -> bool {
        4 * step < 3 * self.warmup
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_rates_draw_after_every_interval_of_the_steps_after_the_warm_up() {
        let schedule = Schedule { warmup: 20, thinning: 5, draws: 3, cycles: None };
        let draws: Vec<usize> = (0..schedule.steps()).filter(|&step| schedule.is_draw(step)).collect();
        assert_eq!((schedule.steps(), draws), (35, vec![24, 29, 34]));
        let adapts: Vec<usize> = (0..35).filter(|&step| schedule.adapts(step)).collect();
        assert_eq!(adapts, (0..=15).collect::<Vec<_>>());
        assert!((0..35).all(|step| schedule.factor(step) == 1.0));
        assert_eq!((0..35).filter(|&step| schedule.draws_momentum(step)).count(), 1);
    }

    #[test]
    fn cycles_follow_the_cosine_and_draw_in_their_last_part_only() {
        let cycles = Some(Cycles::new(2, 0.6, 2 * 4, false));
        let schedule = Schedule { warmup: 10, thinning: 4, draws: 4, cycles };
        assert_eq!(schedule.steps(), 10 + 2 * 20);
        let draws: Vec<usize> = (0..50).filter(|&step| schedule.is_draw(step)).collect();
        assert_eq!(draws, [25, 29, 45, 49]);
        // Zhang et al. 2020, eq. 1 with k from 1 and K/M = 20.
        for k in 1..=40 {
            let expected = 0.5 * ((std::f64::consts::PI * ((k - 1) % 20) as f64 / 20.0).cos() + 1.0);
            assert!((schedule.factor(10 + k - 1) - expected).abs() < 1e-15);
        }
        let of = |stage| (0..50).filter(|&step| schedule.stage(step) == stage).count();
        assert_eq!([of(Stage::WarmUp), of(Stage::Exploration), of(Stage::Sampling)], [10, 24, 16]);
        let momenta: Vec<usize> = (0..50).filter(|&step| schedule.draws_momentum(step)).collect();
        assert_eq!(momenta, [0, 22, 42]);
        // An automatic rate is that of the first draws.
        let automatic = Schedule { cycles: Some(Cycles::new(2, 0.5, 10, true)), ..schedule };
        assert!((automatic.factor(20) - 1.0).abs() < 1e-12, "{}", automatic.factor(20));
    }
}
