//! The options of a training, as other inferences set them, and their check before the first step.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[cfg(feature = "files")]
use crate::infer::vi::Checkpoint;
use crate::infer::vi::{Budget, Clip, DrawOptions, Elbo, Epochs, Schedule, TrainError};
use crate::model::Bayesian;
use crate::objective::LossOptions;
use crate::optim::Optimizer;

/// The options of training, other than the likelihood and the optimiser.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) loss: LossOptions,
    /// `None` if the user has not set it, as for the other options.
    pub(super) batch_size: Option<usize>,
    /// Batches in a step.
    pub(super) accumulated: usize,
    /// Whether the rows of each batch are drawn with replacement, independently of other batches, in place of each once in an epoch.
    pub(super) resamples: bool,
    pub(super) seed: u64,
    pub(super) threads: usize,
    pub(super) shown: bool,
    pub(super) draw: DrawOptions,
    pub(super) schedule: Option<Schedule>,
    pub(super) clip: Option<Clip>,
    /// The flag that ends a training.
    pub(super) stop: Option<Arc<AtomicBool>>,
    #[cfg(feature = "files")]
    pub(super) checkpoint: Option<Checkpoint>,
}

impl<L, O> Elbo<L, O> {
    /// Learns the posterior's means as a point estimate.
    pub(in crate::infer) fn at_point(mut self) -> Self {
        self.options.draw.at_point = true;
        self.options.loss = LossOptions::of_point_estimate();
        self
    }

    /// The same training with another optimiser, without a schedule, in batches of this size that are independent of each other: its
    /// steps go on from those taken.
    pub(in crate::infer) fn at_constant_rate<P>(self, optimizer: P, batch_size: usize) -> Elbo<L, P> {
        let mut elbo = self.optimizer(optimizer);
        elbo.options =
            Options { schedule: None, batch_size: Some(batch_size), accumulated: 1, resamples: true, ..elbo.options };
        elbo
    }

    pub(in crate::infer) fn likelihood(&self) -> &L {
        &self.likelihood
    }

    pub(in crate::infer) fn optimizer_of(&self) -> &O {
        &self.optimizer
    }

    /// With its checkpoints in this folder below the one that is set.
    #[cfg(feature = "files")]
    pub(in crate::infer) fn below(mut self, folder: &str) -> Self {
        self.options.checkpoint = self.options.checkpoint.map(|checkpoint| checkpoint.below(folder));
        self
    }

    /// There are no checkpoints without files.
    #[cfg(not(feature = "files"))]
    pub(in crate::infer) fn below(self, _: &str) -> Self {
        self
    }

    /// Whether a training that did not end can go on from a checkpoint.
    pub(super) fn has_checkpoint(&self) -> bool {
        #[cfg(feature = "files")]
        return self.options.checkpoint.is_some();
        #[cfg(not(feature = "files"))]
        false
    }

    pub(in crate::infer) fn most_threads(&self) -> usize {
        self.options.threads
    }

    pub(in crate::infer) fn is_shown(&self) -> bool {
        self.options.shown
    }

    pub(in crate::infer) fn seed_of(&self) -> u64 {
        self.options.seed
    }

    /// Checks the options and the optimiser against `model`, and against a training of `budget` on `examples` examples
    /// in steps of `size`.
    ///
    /// # Errors
    /// [`TrainError::Options`] or [`TrainError::Schedule`].
    pub(super) fn check_options<M: Bayesian>(
        &self,
        model: &M,
        budget: Budget,
        [examples, size]: [usize; 2],
    ) -> Result<(), TrainError>
    where
        O: Optimizer,
    {
        let batches = examples.div_ceil(size);
        let first = self.steps.next_multiple_of(batches);
        let Options { loss, draw, clip, schedule, .. } = &self.options;
        let check = || {
            loss.check_in::<M::Scalar>()?;
            loss.check_shares(batches)?;
            if self.optimizer.needs_divergence() {
                loss.check_steady(first, examples, size).map_err(|why| {
                    format!(
                        "the optimiser needs the divergence in the loss, with the same weight in each step, but {why}; leave that \
                         out, or use another optimiser, such as `Adam`"
                    )
                })?;
            }
            clip.map_or(Ok(()), Clip::check_in::<M::Scalar>)?;
            draw.estimators.as_ref().map_or(Ok(()), |estimators| estimators.check_names(model))?;
            self.optimizer.check(model)
        };
        check().map_err(TrainError::Options)?;
        match schedule {
            Some(schedule) => check_schedule(schedule, budget, first, batches),
            None => Ok(()),
        }
    }
}

/// Checks a schedule against a training of `budget` from step `first` on, in epochs of `batches` steps.
///
/// # Errors
/// [`TrainError::Schedule`] if it ends before the training, [`TrainError::Options`] if it has no factor at an end of
/// it.
pub(in crate::infer) fn check_schedule(
    schedule: &Schedule,
    budget: Budget,
    first: usize,
    batches: usize,
) -> Result<(), TrainError> {
    // A training that ends by itself also ends with its schedule, but needs one epoch of it.
    let epochs = match budget {
        Budget::Epochs(Epochs(epochs)) => epochs,
        Budget::UntilConverged(_) => budget.most_epochs(batches).min(1),
    };
    let needed = first.saturating_add(epochs.saturating_mul(batches));
    if let Some(end) = schedule.end().filter(|&end| end < needed) {
        return Err(TrainError::Schedule { end, needed });
    }
    // A custom function may still fail in between; the step then returns the error.
    let ends = if needed > first { &[first, needed - 1][..] } else { &[] };
    ends.iter().try_for_each(|&step| schedule.try_factor(step).map(|_| ())).map_err(TrainError::Options)
}
