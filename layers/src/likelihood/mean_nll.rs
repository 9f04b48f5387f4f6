//! `MeanNll`: a minibatch's negative log-likelihood per example.

use crate::engine::{Real, Var};

/// A negative log-likelihood as a mean over examples, in nats per example, with their number.
///
/// It has no arithmetic, because a mean must not be added to a [`Kl`](crate::Kl), which is a sum.
/// [`Objective::loss`](crate::Objective::loss) joins them.
#[derive(Clone, Copy, Debug)]
pub struct MeanNll<'t, T: Real = f32> {
    mean: Var<'t, T>,
    examples: usize,
}

impl<'t, T: Real> MeanNll<'t, T> {
    /// Divides the summed negative log-likelihood of `examples` examples, in nats, by their number.
    ///
    /// With weights of examples or classes, `sum` is the weighted sum and `examples` the number of rows in the batch,
    /// those of weight 0 included. Do not divide by the sum of the weights: the divergence would then count as often
    /// as the mean weight says, without a message. [`Observed::nll`](crate::data::Observed::nll) does this for you.
    ///
    /// # Panics
    /// If `sum` is not one element, or `examples` is 0.
    #[track_caller]
    pub fn from_sum(sum: Var<'t, T>, examples: usize) -> Self {
        assert!(sum.len() == 1, "MeanNll: the sum must be one element, got shape {:?}", sum.shape());
        Self::scaled(sum, 1.0, examples)
    }

    /// The terms of a log-likelihood, summed, with the other sign.
    #[track_caller]
    pub(super) fn from_log_likelihood(each: Var<'t, T>, examples: usize) -> Self {
        Self::scaled(each.sum(), -1.0, examples)
    }

    #[track_caller]
    fn scaled(sum: Var<'t, T>, sign: f64, examples: usize) -> Self {
        assert!(examples > 0, "MeanNll: a mean over 0 examples");
        MeanNll { mean: sum * (sign / examples as f64), examples }
    }

    /// Wraps a mean over `examples` examples, at least 1.
    pub(super) fn of_mean(mean: Var<'t, T>, examples: usize) -> Self {
        debug_assert!(mean.len() == 1 && examples > 0);
        MeanNll { mean, examples }
    }

    /// The value, in nats per example.
    pub fn nats(self) -> f64 {
        self.mean.item()
    }

    /// The variable on the tape, in nats per example. [`Objective`](crate::Objective) combines a likelihood and a
    /// divergence without it.
    pub fn var(self) -> Var<'t, T> {
        self.mean
    }

    /// The number of examples.
    pub fn examples(self) -> usize {
        self.examples
    }
}
