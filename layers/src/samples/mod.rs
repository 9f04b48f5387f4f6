//! Samples of the weights: where predictions get their draws from.

mod draws;
mod from_posterior;
mod kept_draws;
mod sampled_outputs;

pub use draws::Draws;
pub use from_posterior::FromPosterior;
pub use kept_draws::KeptDraws;
pub use sampled_outputs::SampledOutputs;

use crate::engine::{Parameters, Tape};
use crate::model::Bayesian;
use crate::weights::Weights;

/// The number type of the model of samples.
pub(crate) type ScalarOf<S> = <<S as Samples>::Model as Parameters>::Scalar;

/// The draw that samples give on a tape.
pub(crate) type DrawOf<'t, S> = <<S as Samples>::Model as Bayesian>::Draw<'t>;

/// K draws of a model's random weights: what predictions, evaluations and metrics are averaged over, wherever they come from.
///
/// A model's own posterior is one ([`posterior`](crate::PredictFromPosterior::posterior)); [`KeptDraws`] are another, drawn once and held in memory;
/// [`SampledOutputs`] are one in which not weights but outputs are sampled. Every one of them has the methods of
/// [`Predict`](crate::Predict).
pub trait Samples: Sync {
    /// What the weights are of.
    type Model: Bayesian + Sync;

    /// The model.
    fn model(&self) -> &Self::Model;

    /// K.
    fn count(&self) -> usize;

    /// The model with draw `index` of its weights on `tape`, from 0; the same each time.
    ///
    /// # Panics
    /// If there is no such draw.
    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self>;

    // The methods from here on are details of the passes over rows, and may change.

    /// The same for the rows of a prediction from row `first` on, where draws that serve one forward pass only differ from
    /// rows to rows. Provided: [`draw`](Samples::draw).
    ///
    /// # Panics
    /// If there is no such draw.
    #[doc(hidden)]
    #[track_caller]
    fn draw_for_rows<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize, first: usize) -> DrawOf<'t, Self> {
        let _ = first;
        self.draw(tape, index)
    }

    /// How many draws are made on a tape at once; of the last ones fewer, where they do not divide K. Provided: one.
    #[doc(hidden)]
    fn at_once(&self) -> usize {
        1
    }

    /// Whether all rows of a prediction are on the tape at once: for a forward in which the rows of a batch influence each
    /// other. Provided: no.
    fn in_one_batch(&self) -> bool {
        false
    }

    /// Whether a draw serves one forward pass only, as of outputs that are sampled. Provided: no.
    #[doc(hidden)]
    fn serves_once(&self) -> bool {
        false
    }

    /// The weights of a draw that was made, where making it again would cost more than copying them. Provided: none.
    #[doc(hidden)]
    fn copy(&self, draw: &DrawOf<'_, Self>) -> Option<Weights<ScalarOf<Self>>> {
        let _ = draw;
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

    fn draw_for_rows<'t>(&'t self, tape: &'t Tape<ScalarOf<S>>, index: usize, first: usize) -> DrawOf<'t, S> {
        (**self).draw_for_rows(tape, index, first)
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

    fn copy(&self, draw: &DrawOf<'_, S>) -> Option<Weights<ScalarOf<S>>> {
        (**self).copy(draw)
    }
}

/// # Panics
/// If there is no such draw.
#[track_caller]
fn check_index(index: usize, count: usize) {
    assert!(index < count, "Samples::draw: there is no draw {index} (from 0) of {count}");
}
