//! Posterior samples of the weights: the trait `Samples`, and its implementations.

mod draws;
mod from_posterior;
mod kept_draws;
mod point_estimate;
mod pool;
mod sampled_outputs;
#[cfg(feature = "serde")]
mod saved;

pub use draws::Draws;
pub use from_posterior::FromPosterior;
pub use kept_draws::KeptDraws;
pub use point_estimate::PointEstimate;
pub use pool::Pool;
pub use sampled_outputs::SampledOutputs;

use crate::engine::{Parameters, Tape};
use crate::model::Bayesian;
use crate::weights::Weights;

/// The scalar type of the samples' model.
pub(crate) type ScalarOf<S> = <<S as Samples>::Model as Parameters>::Scalar;

/// The type of a draw of the samples' model on a tape.
pub(crate) type DrawOf<'t, S> = <<S as Samples>::Model as Bayesian>::Draw<'t>;

/// Posterior samples: K draws of a model's random weights, over which predictions, evaluations and metrics are
/// averaged.
///
/// [`posterior`](crate::PredictFromPosterior::posterior) draws from the model's own posterior at each prediction;
/// [`KeptDraws`] keeps draws in memory; [`SampledOutputs`] samples outputs instead of weights; [`PointEstimate`] is one draw at
/// the posterior's means; [`Pool`] joins samples of several models. All of them have the methods of
/// [`Predict`](crate::Predict).
pub trait Samples: Sync {
    /// The type of the model.
    type Model: Bayesian + Sync;

    /// The model.
    fn model(&self) -> &Self::Model;

    /// The number of draws, K.
    fn count(&self) -> usize;

    /// The model with draw `index` (from 0) of its weights, on `tape`. The same index always gives the same weights.
    ///
    /// # Panics
    /// If `index` is out of range.
    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self>;

    // The hidden methods below are details of prediction, and may change.

    /// The model whose deterministic weights and buffers draw `index` has. Provided: [`model`](Samples::model).
    #[doc(hidden)]
    fn model_of(&self, index: usize) -> &Self::Model {
        let _ = index;
        self.model()
    }

    /// [`draw`](Samples::draw) for the rows of a prediction from row `first` on. It differs where a draw serves only
    /// one forward pass. Provided: [`draw`](Samples::draw).
    ///
    /// # Panics
    /// If `index` is out of range.
    #[doc(hidden)]
    #[track_caller]
    fn draw_for_rows<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize, first: usize) -> DrawOf<'t, Self> {
        let _ = first;
        self.draw(tape, index)
    }

    /// [`draw`](Samples::draw) with a sample of every weight, also of layers that give the moments of their outputs,
    /// such as [`LastLayer`](crate::nn::LastLayer): for what is said of each draw by itself. Provided:
    /// [`draw`](Samples::draw).
    ///
    /// # Panics
    /// If `index` is out of range.
    #[doc(hidden)]
    #[track_caller]
    fn draw_all<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        self.draw(tape, index)
    }

    /// The number of draws made on a tape at once; the last group may have fewer. Provided: 1.
    #[doc(hidden)]
    fn at_once(&self) -> usize {
        1
    }

    /// Whether all rows are predicted in one batch, for a forward in which the rows of a batch influence each other.
    /// Provided: `false`.
    fn in_one_batch(&self) -> bool {
        false
    }

    /// Whether a draw serves only one forward pass, as when outputs are sampled. Provided: `false`.
    #[doc(hidden)]
    fn serves_once(&self) -> bool {
        false
    }

    /// A copy of the weights of draw `index`, if copying is cheaper than drawing again. Provided: `None`.
    #[doc(hidden)]
    fn copy(&self, draw: &DrawOf<'_, Self>, index: usize) -> Option<Weights<ScalarOf<Self>>> {
        let _ = (draw, index);
        None
    }
}

impl<S: Samples> Samples for &S {
    type Model = S::Model;

    fn model(&self) -> &Self::Model {
        (**self).model()
    }

    fn count(&self) -> usize {
        (**self).count()
    }

    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<S>>, index: usize) -> DrawOf<'t, S> {
        (**self).draw(tape, index)
    }

    fn model_of(&self, index: usize) -> &Self::Model {
        (**self).model_of(index)
    }

    fn draw_for_rows<'t>(&'t self, tape: &'t Tape<ScalarOf<S>>, index: usize, first: usize) -> DrawOf<'t, S> {
        (**self).draw_for_rows(tape, index, first)
    }

    fn draw_all<'t>(&'t self, tape: &'t Tape<ScalarOf<S>>, index: usize) -> DrawOf<'t, S> {
        (**self).draw_all(tape, index)
    }

    fn at_once(&self) -> usize {
        (**self).at_once()
    }

    fn in_one_batch(&self) -> bool {
        (**self).in_one_batch()
    }

    fn serves_once(&self) -> bool {
        (**self).serves_once()
    }

    fn copy(&self, draw: &DrawOf<'_, S>, index: usize) -> Option<Weights<ScalarOf<S>>> {
        (**self).copy(draw, index)
    }
}

/// # Panics
/// If `index` is out of range.
#[track_caller]
pub(crate) fn check_index(index: usize, count: usize) {
    assert!(index < count, "Samples::draw: draw {index} (from 0) is out of range for {count} draws");
}
