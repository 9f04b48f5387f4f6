//! Likelihoods: how a network's output explains the data.

mod categorical;
mod gaussian;

pub use categorical::Categorical;
pub use gaussian::Gaussian;

use crate::data::Targets;
use crate::{Real, Var};

/// A distribution of targets given a network's output.
pub trait Likelihood<T: Real>: Sync {
    /// What is observed, for a number of examples.
    type Targets: Targets;

    /// The negative log-likelihood of `targets`, as a mean over the examples of a batch.
    fn mean_nll<'t>(&self, output: Var<'t, T>, targets: &'t Self::Targets) -> MeanNll<'t, T>;

    /// Why these targets can never be explained by outputs of this shape, if so: labels out of range,
    /// say. Asked before training.
    fn check(&self, output: &[usize], targets: &Self::Targets) -> Result<(), String>;
}

/// A negative log-likelihood as a mean over examples, in nats per example, with their number.
///
/// It has no arithmetic: a mean and a [`Kl`](crate::Kl), which is a sum, do not add up.
/// [`Objective::loss`](crate::Objective::loss) joins them.
#[derive(Clone, Copy, Debug)]
pub struct MeanNll<'t, T: Real = f32> {
    mean: Var<'t, T>,
    examples: usize,
}

impl<'t, T: Real> MeanNll<'t, T> {
    /// From a scalar that is the mean of the negative log-likelihoods of `examples` examples: for a
    /// likelihood of your own.
    ///
    /// # Panics
    /// If `mean` is not one element, or there are no examples.
    #[track_caller]
    pub fn new(mean: Var<'t, T>, examples: usize) -> Self {
        assert!(mean.len() == 1, "MeanNll: a mean is one element, got the shape {:?}", mean.shape());
        assert!(examples > 0, "MeanNll: a mean over no examples");
        MeanNll { mean, examples }
    }

    /// The value, in nats per example.
    pub fn nats(self) -> f64 {
        self.mean.item()
    }

    /// The variable: a plain number on the tape, whose unit is the caller's to remember. [`Objective`](crate::Objective)
    /// joins a likelihood and a divergence without it.
    pub fn var(self) -> Var<'t, T> {
        self.mean
    }

    /// The number of examples.
    pub fn examples(self) -> usize {
        self.examples
    }
}
