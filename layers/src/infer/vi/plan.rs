//! The plan of a training: the learning rate's factor at each step, and the end.

use std::f64::consts::PI;

use crate::infer::vi::trace::Trace;
use crate::infer::vi::{Budget, Schedule};

/// The share of a training of given length in which the rate rises from 0, for at most as many steps as otherwise.
const RISE: f64 = 0.05;

/// Steps in which the rate rises from 0, if the length of the training is not known.
const RISE_STEPS: usize = 400;

/// Steps for which the rate is held at least.
const HELD: usize = 4000;

/// How many times as long as it was held the rate falls.
const FALL: usize = 2;

/// The gain in as many steps again, relative to the bound, below which the rate is not held for longer: what is left is mostly
/// gained while it falls.
const TOLERANCE: f64 = 0.25;

/// The same in nats for each learned parameter, whichever is less: steps of a small model are cheap, and this part does not
/// depend on the targets' unit.
const TOLERANCE_BY_PARAMETER: f64 = 0.011;

/// As [`TOLERANCE`], for the largest gain that is plausible below the bound of guessing: two standard errors above the measured
/// one. A network that costs more than it explains loses weights one by one, slowly and noisily.
const TOLERANCE_BELOW_GUESSING: f64 = 0.05;

/// How many times the divergence counts for a sixth of the steps, once, after the bound has settled below guessing: weights that
/// cost more than they explain are given up. If that does not pay, the training returns to where it was.
const EXCESS: f64 = 2.0;

/// What the bound and its gains are compared with.
#[derive(Clone, Copy, Debug)]
pub(in crate::infer) struct Yardstick {
    /// The number of learned parameters.
    pub(in crate::infer) parameters: usize,
    /// The bound of guessing, if it is known and the loss is the bound.
    pub(in crate::infer) guessing: Option<f64>,
}

pub(in crate::infer) struct Plan<'a> {
    schedule: Option<&'a Schedule>,
    /// Whether the rate rises at first.
    rises: bool,
    /// The first step of this training, by the schedule's count.
    first: usize,
    stage: Stage,
}

/// How far a plan has come.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Stage {
    phase: Phase,
    /// Whether the rate fell because the bound no longer rose.
    settled: bool,
    excess: Excess,
}

impl Stage {
    /// Whether the plan may return to the parameters that it has kept.
    #[cfg(feature = "files")]
    pub(super) fn needs_kept(&self) -> bool {
        matches!(self.excess, Excess::Now(_) | Excess::Settling { .. })
    }
}

/// Whether the divergence counts [`EXCESS`] times.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
enum Excess {
    NotYet,
    /// It does; before, the bound was this.
    Now(#[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))] f64),
    /// It did until step `since`; before, the bound was this, and the rate is held until it has settled again.
    Settling {
        #[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))]
        before: f64,
        since: usize,
    },
    Over,
}

/// What is to be done with the model's parameters after an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::infer) enum Action {
    None,
    /// Keep a copy of them.
    Keep,
    /// Return to the copy.
    Restore,
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
enum Phase {
    /// As many steps as are asked for, with a rate that falls by itself or only by the schedule.
    Fixed {
        steps: usize,
        falls: bool,
    },
    /// The rate is held until the bound no longer rises, for at most `limit` of at most `most` steps; it is looked at again
    /// after `next`.
    Held {
        limit: usize,
        next: usize,
        most: usize,
    },
    /// The rate falls, in `steps` steps after `held`.
    Falling {
        held: usize,
        steps: usize,
    },
    Ended {
        steps: usize,
    },
}

impl<'a> Plan<'a> {
    /// For a training from step `first` on, in epochs of `batches` steps, with a warm-up of the divergence that ends after
    /// `warm_up` steps. With `automatic`, the rate rises and falls by itself unless there is a schedule.
    pub(in crate::infer) fn new(
        budget: Budget,
        schedule: Option<&'a Schedule>,
        automatic: bool,
        [first, batches]: [usize; 2],
        warm_up: usize,
    ) -> Self {
        let chosen = schedule.is_none();
        let most = budget.most_epochs(batches).saturating_mul(batches);
        let phase = match budget {
            Budget::Epochs(_) => Phase::Fixed { steps: most, falls: chosen && automatic },
            Budget::UntilConverged(_) if chosen => {
                // In whole epochs, so that the limit holds.
                let limit = most / batches.max(1) / (1 + FALL) * batches;
                Phase::Held { limit, next: HELD.max(warm_up).min(limit), most }
            }
            Budget::UntilConverged(_) => {
                // It ends with the schedule, too.
                let end = schedule.and_then(Schedule::end).map_or(most, |end| end.saturating_sub(first));
                let limit = most.min(end / batches.max(1) * batches);
                Phase::Held { limit, next: HELD.max(warm_up).min(limit), most: limit }
            }
        };
        // Too short to hold the rate.
        let phase = match phase {
            Phase::Held { limit: 0, most, .. } => Phase::Fixed { steps: most, falls: chosen && automatic },
            phase => phase,
        };
        let phase = if most == 0 { Phase::Ended { steps: 0 } } else { phase };
        let settled = matches!(budget, Budget::Epochs(_));
        // Only where everything is chosen.
        let excess = if chosen && automatic { Excess::NotYet } else { Excess::Over };
        Plan { schedule, rises: chosen && automatic, first, stage: Stage { phase, settled, excess } }
    }

    #[cfg(feature = "files")]
    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// # Errors
    /// If the same plan cannot have reached this stage after `done` steps.
    #[cfg(feature = "files")]
    pub(super) fn can_go_on_from(&self, stage: Stage, done: usize) -> Result<(), String> {
        let fits = match (self.stage.phase, stage.phase) {
            (Phase::Fixed { .. }, Phase::Fixed { .. }) => self.stage.phase == stage.phase,
            (Phase::Held { limit, most, .. }, Phase::Held { limit: its_limit, next, most: its_most }) => {
                (its_limit, its_most) == (limit, most) && next <= limit && done < limit
            }
            (Phase::Held { limit, most, .. }, Phase::Falling { held, steps }) => {
                held <= done && held <= limit && steps <= most - held && done - held < steps
            }
            (_, Phase::Ended { steps }) => steps == done,
            _ => false,
        };
        let since = if let Excess::Settling { since, .. } = stage.excess { since } else { 0 };
        if fits && since <= done {
            return Ok(());
        }
        Err(format!("the plan of the training cannot be at {stage:?} after {done} steps"))
    }

    /// Goes on from a stage that it [can](Plan::can_go_on_from) have reached.
    #[cfg(feature = "files")]
    pub(super) fn go_on_from(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// The steps of the training, as far as is known.
    pub(in crate::infer) fn steps(&self) -> usize {
        match self.stage.phase {
            Phase::Fixed { steps, .. } => steps,
            Phase::Held { next, .. } if self.schedule.is_some() => next,
            Phase::Held { next, .. } => next * (1 + FALL),
            Phase::Falling { held, steps } => held + steps,
            Phase::Ended { steps } => steps,
        }
    }

    pub(in crate::infer) fn is_over(&self) -> bool {
        matches!(self.stage.phase, Phase::Ended { .. })
    }

    /// Whether the rate was held until the bound no longer rose; true if the number of epochs is given.
    pub(in crate::infer) fn is_settled(&self) -> bool {
        self.stage.settled
    }

    /// The factor of the learning rate at a step; `None` if nothing asks for one.
    ///
    /// # Errors
    /// If the schedule has none.
    pub(in crate::infer) fn factor(&self, step: usize) -> Result<Option<f64>, String> {
        if let Some(schedule) = self.schedule {
            return schedule.try_factor(step).map(Some);
        }
        let step = step - self.first;
        let rise = |steps: usize| if self.rises { ((step + 1) as f64 / steps.max(1) as f64).min(1.0) } else { 1.0 };
        let fall = |step: usize, steps: usize| (1.0 + (PI * step as f64 / steps as f64).cos()) / 2.0;
        Ok(match self.stage.phase {
            Phase::Fixed { falls: false, .. } | Phase::Ended { .. } => None,
            Phase::Fixed { steps, .. } => {
                Some(rise(((RISE * steps as f64) as usize).min(RISE_STEPS)) * fall(step, steps))
            }
            Phase::Held { limit, .. } => Some(rise(RISE_STEPS.min(limit / 4))),
            Phase::Falling { held, steps } => Some(fall(step - held, steps)),
        })
    }

    /// The factor of the divergence.
    pub(super) fn divergence_factor(&self) -> f64 {
        if matches!(self.stage.excess, Excess::Now(_)) { EXCESS } else { 1.0 }
    }

    /// If the training ends now: whether to return to the kept parameters, because what has been tried since has not paid.
    pub(super) fn at_stop(&self, step: usize, trace: &Trace) -> Action {
        let pays = match self.stage.excess {
            Excess::Now(_) => false,
            Excess::Settling { before, since } => bound(trace, since, step - self.first) > before,
            Excess::NotYet | Excess::Over => true,
        };
        if pays { Action::None } else { Action::Restore }
    }

    /// After the epoch that ends before `step`, of a training with this trace.
    pub(in crate::infer) fn after_epoch(&mut self, step: usize, trace: &Trace, yardstick: Yardstick) -> Action {
        let done = step - self.first;
        let mut action = Action::None;
        self.stage.phase = match self.stage.phase {
            Phase::Fixed { steps, .. } if done >= steps => Phase::Ended { steps: done },
            Phase::Falling { held, steps } if done >= held + steps => Phase::Ended { steps: done },
            Phase::Held { limit, next, most } if done >= next || done >= limit => {
                let outlook = Outlook::after(done, trace, yardstick);
                self.stage.settled = outlook != Outlook::Rising;
                self.stage.excess = match self.stage.excess {
                    Excess::NotYet if outlook == Outlook::SettledBelowGuessing && done < limit => {
                        (self.stage.settled, action) = (false, Action::Keep);
                        Excess::Now(bound(trace, 0, done))
                    }
                    Excess::Now(before) if done < limit => {
                        self.stage.settled = false;
                        Excess::Settling { before, since: done }
                    }
                    Excess::Now(_) => {
                        action = Action::Restore;
                        Excess::Over
                    }
                    Excess::Settling { before, since } if self.stage.settled || done >= limit => {
                        let pays = bound(trace, since, done) > before;
                        action = if pays { Action::None } else { Action::Restore };
                        Excess::Over
                    }
                    excess => excess,
                };
                if !self.stage.settled && done < limit {
                    // A sixth at a time: the decision is never much too late, and not made too often.
                    Phase::Held { limit, next: (done + done / 6).min(limit), most }
                } else if self.schedule.is_some() || done >= most {
                    Phase::Ended { steps: done }
                } else {
                    Phase::Falling { held: done, steps: (FALL * done).min(most - done) }
                }
            }
            Phase::Fixed { .. } | Phase::Falling { .. } | Phase::Held { .. } | Phase::Ended { .. } => return action,
        };
        action
    }
}

/// The mean of the bound over the last sixth of `done` steps, not before step `since`; NaN if they are too few.
fn bound(trace: &Trace, since: usize, done: usize) -> f64 {
    trace.slope(since.max(done - done / 6)..done).map_or(f64::NAN, |slope| slope.mean)
}

/// What the bound's slope says of going on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outlook {
    Rising,
    /// [`UntilConverged`](crate::UntilConverged) says when.
    Settled,
    /// Settled, and as many steps again would not bring it to the bound of guessing.
    SettledBelowGuessing,
}

impl Outlook {
    /// After `done` steps.
    fn after(done: usize, trace: &Trace, yardstick: Yardstick) -> Self {
        let Some(slope) = trace.slope(done / 2..done) else { return Outlook::Rising };
        let [gain, error] = [slope.per_step, 2.0 * slope.standard_error].map(|slope| slope * done as f64);
        let (bound, size) = (slope.mean, slope.mean.abs());
        let settled = match yardstick.guessing {
            Some(guessing) if bound < guessing => gain + error < TOLERANCE_BELOW_GUESSING * size,
            _ => gain < error.max((TOLERANCE * size).min(TOLERANCE_BY_PARAMETER * yardstick.parameters as f64)),
        };
        match yardstick.guessing {
            _ if !settled => Outlook::Rising,
            Some(guessing) if bound + gain.max(0.0) + error < guessing => Outlook::SettledBelowGuessing,
            _ => Outlook::Settled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::vi::{Epochs, UntilConverged};

    /// Of a large model.
    const LARGE: Yardstick = Yardstick { parameters: 1_000_000, guessing: None };

    /// The factors of a training in epochs of `batches` steps, from step `first` on, on a bound that rises by `rise` a step.
    fn factors(
        budget: Budget,
        schedule: Option<&Schedule>,
        [first, batches]: [usize; 2],
        rise: f64,
    ) -> (Vec<f64>, bool) {
        factors_beside(LARGE, budget, schedule, [first, batches], rise)
    }

    /// [`factors`], compared with this yardstick.
    fn factors_beside(
        yardstick: Yardstick,
        budget: Budget,
        schedule: Option<&Schedule>,
        [first, batches]: [usize; 2],
        rise: f64,
    ) -> (Vec<f64>, bool) {
        let mut plan = Plan::new(budget, schedule, true, [first, batches], 0);
        let (mut trace, mut factors) = (Trace::default(), Vec::new());
        let mut step = first;
        while !plan.is_over() {
            for _ in 0..batches {
                factors.push(plan.factor(step).unwrap().unwrap_or(1.0));
                // Noise that is the same at each step of an epoch.
                trace.push(-1000.0 + rise * (step - first) as f64 + (step as f64 * 0.7).sin());
                step += 1;
            }
            plan.after_epoch(step, &trace, yardstick);
        }
        assert_eq!(plan.steps(), factors.len());
        (factors, plan.is_settled())
    }

    #[test]
    fn a_given_length_rises_and_falls() {
        let (all, settled) = factors(Epochs(100).into(), None, [70, 7], 0.0);
        assert!(all.len() == 700 && settled && all[0] < 0.03 && all[34] > 0.99 && all[699] < 1e-4, "{all:?}");
        // The rise does not grow with a limit that will not be reached.
        let plan = Plan::new(Epochs(1_000_000).into(), None, true, [0, 10], 0);
        assert!(plan.factor(RISE_STEPS).unwrap().unwrap() > 0.99);
        assert!(factors(Epochs(0).into(), None, [0, 5], 0.0).0.is_empty());
    }

    #[test]
    fn the_rate_is_held_until_the_bound_no_longer_rises() {
        let (all, settled) = factors(UntilConverged::new().into(), None, [20, 10], 0.0);
        assert!(settled && all.len() == 12_000 && all[3_999] == 1.0 && all[4_001] < 1.0 && all[11_999] < 1e-6);
        let (all, settled) = factors(UntilConverged::new().into(), None, [0, 10], 1.0);
        assert!(!settled && all.len() == 60_000 && all[19_999] == 1.0 && all[59_999] < 1e-6);
        // One or two epochs are too short to be held.
        for epochs in [1, 2] {
            let (all, _) = factors(UntilConverged::within(Epochs(epochs)).into(), None, [0, 200], 1.0);
            assert!(all.len() == 200 * epochs && all[0] < 0.2 && *all.last().unwrap() < 0.1, "{all:?}");
        }
        // An epoch of more steps than the limit is one epoch.
        assert_eq!(factors(UntilConverged::new().into(), None, [0, 70_000], 0.0).0.len(), 70_000);
    }

    /// Whether a training settles, and its steps, on a bound of about −1,000 that rises by `rise` a step.
    fn until_converged(yardstick: Yardstick, rise: f64) -> (bool, usize) {
        let (all, settled) = factors_beside(yardstick, UntilConverged::new().into(), None, [0, 10], rise);
        (settled, all.len())
    }

    #[test]
    fn below_guessing_the_rate_is_held_until_the_gain_is_surely_small() {
        // 0.02 nats a step gain 80 of 1,000 in as many steps again: little, but for a bound below guessing.
        let guessing = |bound| Yardstick { guessing: Some(bound), ..LARGE };
        assert_eq!(until_converged(guessing(-1500.0), 0.02), (true, 12_000));
        assert_eq!(until_converged(guessing(-100.0), 0.02), (false, 60_000));
        assert_eq!(until_converged(guessing(-1005.0), 0.001), (true, 12_000));
    }

    /// What a training below guessing does with the divergence and the parameters, at which steps, on a bound of −1,000 at first
    /// and of `after` once the divergence has counted twice.
    fn below_guessing(after: f64) -> (Vec<usize>, Vec<(usize, Action)>, usize, bool) {
        let yardstick = Yardstick { guessing: Some(-100.0), ..LARGE };
        let mut plan = Plan::new(UntilConverged::new().into(), None, true, [0, 10], 0);
        let (mut trace, mut doubled, mut actions) = (Trace::default(), Vec::new(), Vec::new());
        let mut step = 0;
        while !plan.is_over() {
            let bound = if doubled.is_empty() { -1000.0 } else { after };
            if plan.divergence_factor() != 1.0 {
                doubled.push(step);
            }
            trace.push(bound + (step as f64 * 0.7).sin());
            step += 1;
            if step % 10 == 0 {
                let action = plan.after_epoch(step, &trace, yardstick);
                actions.extend((action != Action::None).then_some((step, action)));
            }
        }
        (doubled, actions, step, plan.is_settled())
    }

    #[test]
    fn once_settled_below_guessing_the_divergence_counts_twice_for_a_while() {
        let (doubled, actions, steps, settled) = below_guessing(-990.0);
        assert_eq!(doubled, (4000..4670).collect::<Vec<_>>());
        assert_eq!(actions, [(4000, Action::Keep)]);
        assert!(settled && steps >= 3 * 5450 && steps.is_multiple_of(3), "{steps}");
        // What has not paid is undone.
        let (_, actions, ..) = below_guessing(-1010.0);
        assert!(matches!(actions[..], [(4000, Action::Keep), (5450.., Action::Restore)]), "{actions:?}");

        // With a rate or an optimiser of the user's own, the loss is too.
        let schedule = Schedule::constant();
        for (schedule, automatic) in [(Some(&schedule), true), (None, false)] {
            let plan = Plan::new(UntilConverged::new().into(), schedule, automatic, [0, 10], 0);
            assert!(plan.stage.excess == Excess::Over);
        }
    }

    #[test]
    fn a_gain_is_small_for_a_large_model_only() {
        let parameters = |parameters| Yardstick { parameters, ..LARGE };
        assert_eq!(until_converged(parameters(20_000), 0.02), (true, 12_000));
        assert_eq!(until_converged(parameters(1_000), 0.02), (false, 60_000));
        assert_eq!(until_converged(parameters(1_000), 0.001), (true, 12_000));
    }

    #[test]
    fn with_a_schedule_training_ends_where_the_rate_would_fall_or_the_schedule_ends() {
        let schedule = Schedule::cosine(1030);
        let (all, settled) = factors(UntilConverged::new().into(), Some(&schedule), [30, 100], 1.0);
        assert!(!settled && all.len() == 1000 && all[0] == schedule.factor(30));
        let (all, settled) = factors(UntilConverged::new().into(), Some(&Schedule::constant()), [0, 100], 0.0);
        assert!(settled && all.len() == 4000 && all.iter().all(|factor| *factor == 1.0));
        // Not before the warm-up has ended.
        let plan = Plan::new(UntilConverged::new().into(), None, true, [0, 10], 9_000);
        assert_eq!(plan.steps(), 27_000);
    }
}
