//! One chain of a run: its warm-up, its draws, and what it does when it cannot move.

use std::cell::{Cell, RefCell};
use std::fmt;

use crate::clock::Clock;
use crate::engine::{Key, Real};
use crate::infer::LogJoint;
use crate::infer::caught_panic::catch_step;
use crate::infer::chains::{Chain, McmcError, Options, Progress, panicked};
use crate::infer::mcmc::checkpoint::{Checkpoint, Mark, Sampled};
use crate::infer::mcmc::nuts_rs::{self, Kernel, Transition};
use crate::infer::mcmc::stuck::{cause, not_finite};
use crate::infer::mcmc::target::Target;
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::weights::Weights;

/// The step size, in standard deviations of the posterior, below which a chain with trees practically stands still: its longest
/// trajectory, of 1,023 steps, moves it by a hundredth of a standard deviation.
const COLLAPSED: f64 = 1e-5;

/// Equal draws from this number on are a chain that does not move, and not chance.
const STUCK: usize = 10;

/// What the chains of a run share.
pub(super) struct Run<'a, M: Bayesian, L: Likelihood<M::Scalar>> {
    pub(super) kernel: Kernel,
    pub(super) options: &'a Options<M::Scalar>,
    pub(super) checkpoint: Option<&'a Checkpoint>,
    /// Weights with the model's names and shapes.
    pub(super) like: Weights<M::Scalar>,
    pub(super) joint: &'a LogJoint<'a, M, L>,
    /// Whether the threads are shared with other tasks than these chains.
    pub(super) is_shared: bool,
}

/// What is left to do of a chain.
pub(super) struct Segment<T: Real> {
    chain: usize,
    key: Key,
    /// Where it goes on, unconstrained.
    pub(super) start: Weights<T>,
    /// Transitions of the warm-up, and draws.
    pub(super) lengths: [usize; 2],
    /// The draws so far, and how they were made.
    draws: Vec<Weights<T>>,
    made: Chain,
    /// By which its checkpoints are known.
    mark: Option<Mark>,
}

impl<T: Real> Segment<T> {
    pub(super) fn position(&self) -> Vec<f64> {
        self.start.flat().into_iter().map(Real::to_f64).collect()
    }
}

impl<M, L> Run<'_, M, L>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    /// The whole of a chain.
    pub(super) fn first(&self, chain: usize, start: Weights<M::Scalar>) -> Segment<M::Scalar> {
        Segment {
            chain,
            key: self.options.key().at("chain").index(chain),
            start,
            lengths: [self.options.warmup, self.options.draws],
            draws: Vec::new(),
            made: Chain::default(),
            mark: None,
        }
    }

    /// What is left of a chain if it was saved: from its last draw on, after another warm-up of half the length, because the
    /// sampler's scales, step size and generator cannot be saved. `density` is the log density where the chain starts first.
    ///
    /// # Errors
    /// If the file cannot be read, or is of another run.
    pub(super) fn resumed(
        &self,
        segment: Segment<M::Scalar>,
        density: f64,
        examples: usize,
    ) -> Result<Segment<M::Scalar>, McmcError> {
        let Some(checkpoint) = self.checkpoint else {
            return Ok(segment);
        };
        let Options { warmup, draws: wanted, seed, .. } = *self.options;
        let kernel = self.kernel;
        let run = format!("{kernel:?}, warm-up {warmup}, seed {seed}, {examples} examples");
        let mark = Mark { run, density };
        let Some((draws, made)) = checkpoint.load(&mark, segment.chain, &self.like)? else {
            return Ok(Segment { mark: Some(mark), ..segment });
        };
        let (chain, found) = (segment.chain, draws.len());
        let last = &draws[found - 1];
        if found > wanted {
            return Err(McmcError::Options(format!(
                "draws: the checkpoint has {found} draws of chain {chain} (from 0), but {wanted} were asked for; ask for \
                 {found} or more, or use another folder"
            )));
        }
        let warmup = if found < wanted { warmup.div_ceil(2) } else { 0 };
        Ok(Segment {
            chain,
            key: segment.key.at("resumed").index(found),
            start: last.unconstrained()?,
            lengths: [warmup, wanted - found],
            draws,
            made,
            mark: Some(mark),
        })
    }

    /// Makes what is left of a chain.
    ///
    /// # Errors
    /// If the sampler cannot go on, the chain does not move, or it cannot be saved.
    pub(super) fn sample(
        &self,
        segment: &Segment<M::Scalar>,
        mut target: Target<'_, M, L>,
        progress: &Progress<Shown>,
    ) -> Result<Sampled<M::Scalar>, McmcError> {
        let &Segment { chain, key, lengths, .. } = segment;
        let [warmup, all] = [lengths[0], lengths.iter().sum()];
        // Both closures below change it.
        let made = RefCell::new(segment.made.clone());
        let (mut draws, mut stop) = (segment.draws.clone(), None);
        let (clock, before) = (Clock::start(), segment.made.clone());
        let (transitions, panic) = (Cell::new(0), RefCell::new(None));
        let on_draw = |draw: Transition| {
            if panic.borrow().is_some() {
                return false;
            }
            progress.step(|shown| shown.add(&draw));
            transitions.set(transitions.get() + 1);
            let made = &mut *made.borrow_mut();
            made.gradients += draw.gradients;
            made.seconds = before.seconds + clock.seconds();
            if transitions.get() <= warmup {
                made.warmup_seconds = before.warmup_seconds + clock.seconds();
                return true;
            }
            draws.push(segment.add(draw, draws.len(), made));
            stop = self.after_draw(segment, &draws, made).err();
            stop.is_none()
        };
        let density = |x: &[f64], slope: &mut [f64]| {
            if panic.borrow().is_some() {
                return f64::NAN;
            }
            let value = match catch_step(self.is_shared, || target.at(x, slope)) {
                Ok(value) => value,
                Err(caught) => {
                    // The sampler takes it for a divergence, and `on_draw` then ends the chain.
                    panic.replace(Some(caught));
                    return f64::NAN;
                }
            };
            let is_finite = value.is_finite() && slope.iter().all(|slope| slope.is_finite());
            if !is_finite && transitions.get() >= warmup {
                let term = not_finite(self.joint, target.weights(), value, slope);
                *made.borrow_mut().not_finite.entry(term).or_default() += 1;
            }
            value
        };
        let result = nuts_rs::sample(self.kernel, lengths, key, &segment.position(), density, on_draw);
        if let Some(caught) = panic.take() {
            return Err(panicked(chain, transitions.get(), caught));
        }
        let made = made.into_inner();
        let is_stuck = draws.len() >= STUCK && draws.iter().all(|draw| *draw == draws[0]);
        match stop {
            Some(Stop::Error(error)) => return Err(error),
            Some(Stop::Collapsed) => {}
            None => {
                result.map_err(|message| McmcError::Stopped { chain, draws: transitions.get(), all, message })?;
                if !is_stuck {
                    return Ok((draws, made));
                }
            }
        }
        let (step_size, cause) = (made.step_size, cause(&made, &mut target));
        Err(McmcError::Stuck { chain, draws: draws.len(), step_size, cause })
    }

    /// Saves the chain if it is time to, and looks at its step size.
    fn after_draw(&self, segment: &Segment<M::Scalar>, draws: &[Weights<M::Scalar>], made: &Chain) -> Result<(), Stop> {
        if self.kernel.most_gradients().is_some() && made.step_size < COLLAPSED {
            return Err(Stop::Collapsed);
        }
        if let (Some(checkpoint), Some(mark)) = (self.checkpoint, &segment.mark)
            && (draws.len().is_multiple_of(checkpoint.every) || draws.len() == self.options.draws)
        {
            checkpoint.save(mark, segment.chain, draws, made).map_err(Stop::Error)?;
        }
        Ok(())
    }
}

/// Why a chain ends early.
enum Stop {
    Error(McmcError),
    /// Its step size is almost 0.
    Collapsed,
}

impl<T: Real> Segment<T> {
    /// The weights of draw `index`, and notes how it was made.
    fn add(&self, draw: Transition, index: usize, made: &mut Chain) -> Weights<T> {
        made.step_size = draw.step_size;
        if draw.is_divergent {
            made.divergences.push(index);
        }
        made.energies.extend(draw.energy);
        made.depths.extend(draw.depth);
        made.saturated += usize::from(draw.is_saturated);
        let mut weights = self.start.clone();
        let flat: Vec<T> = draw.position.iter().map(|&x| T::from_f64(x)).collect();
        weights.set_flat(&flat).expect("a position has the weights' elements");
        weights.constrained_in_range(|name| *made.rounded.entry(name.to_string()).or_default() += 1)
    }
}

/// What the progress of chains shows.
#[derive(Default)]
pub(super) struct Shown {
    divergences: usize,
    step_size: f64,
}

impl Shown {
    fn add(&mut self, draw: &Transition) {
        self.divergences += usize::from(draw.is_divergent && !draw.is_warmup);
        self.step_size = draw.step_size;
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} divergent, step size {:.3}", self.divergences, self.step_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Dense;
    use crate::{LogNormal, LogNormalPrior};

    #[test]
    fn a_weight_beyond_the_scalar_types_range_is_kept_at_its_end_and_counted() {
        let model = (Dense::new(1, 1), LayerOfScale { scale: LogNormal::new([2]) });
        let start = model.mean_weights().unconstrained().expect("they are positive");
        let segment = Segment {
            chain: 0,
            key: Key::new(0),
            start,
            lengths: [0, 2],
            draws: vec![],
            made: Chain::default(),
            mark: None,
        };
        let mut made = Chain::default();
        for (index, [first, second]) in [[-200.0, 200.0], [0.0, 1.0]].into_iter().enumerate() {
            let draw = Transition {
                position: Box::new([0.5, -0.5, first, second]),
                is_warmup: false,
                is_divergent: false,
                energy: Some(1.0),
                depth: Some(2),
                is_saturated: false,
                gradients: 3,
                step_size: 0.5,
            };
            let weights = segment.add(draw, index, &mut made);
            assert!(weights.check_like(&model.mean_weights()).is_ok());
            assert_eq!(weights.flat()[..2], [0.5, -0.5]);
            let kept = if index == 0 { [f32::MIN_POSITIVE, f32::MAX] } else { [1.0, 1f32.exp()] };
            assert_eq!(weights.flat()[2..], kept);
        }
        assert_eq!((made.rounded.len(), made.rounded["1.scale"], made.energies.len()), (1, 1, 2));
    }

    #[crate::bayesian]
    struct LayerOfScale {
        #[prior(LogNormalPrior::new(0.0, 1.0))]
        scale: LogNormal,
    }
}
