//! Draws that are held in memory.

use std::fmt;
use std::ops::Deref;

use super::{DrawOf, Samples, ScalarOf, check_index};
use crate::engine::{Parameters, Tape};
use crate::model::Bayesian;
use crate::samples::Draws;
use crate::weights::{Weights, WeightsError};

/// Draws of the weights that were made once and are held in memory: for a service, which draws no weight for a request, or for
/// weights that come from elsewhere. `M` is how the model is held: `&Model`, `Box<Model>` or `Arc<Model>`.
///
/// Requests may come from several threads at once. Memory is K times the weights'.
///
/// ```
/// # use elbo::prelude::*;
/// # use elbo::KeptDraws;
/// let model = Dense::new(3, 2);
/// let service = KeptDraws::new(Box::new(model), Draws(64)); // `Send + Sync`, and of no other's lifetime
/// let request = Tensor::from_fn([1, 3], |i| i as f64);
/// let answer = service.predict(&Categorical, &request);
/// assert_eq!(answer, service.predict(&Categorical, &request));
/// ```
#[derive(Clone)]
pub struct KeptDraws<M: Deref<Target: Parameters>> {
    model: M,
    weights: Vec<Weights<<M::Target as Parameters>::Scalar>>,
    in_one_batch: bool,
}

impl<M: Deref<Target: Bayesian + Sized>> KeptDraws<M> {
    /// Draws the weights of `model`'s own posterior: the same as those of [`posterior`](crate::PredictFromPosterior::posterior).
    pub fn new(model: M, draws: Draws) -> Self {
        let weights = (0..draws.count()).map(|draw| model.draw_weights(draws.key(draw))).collect();
        KeptDraws { model, weights, in_one_batch: draws.are_in_one_batch() }
    }

    /// Weights that come from elsewhere: a Markov chain, an ensemble, files. Everything else in `model`, such as the
    /// running statistics of a batch normalisation, is the model's for all of them.
    ///
    /// Members of an ensemble begin and train apart if each has a seed of its own:
    /// [`Elbo::seed`](crate::Elbo::seed).
    ///
    /// # Errors
    /// [`WeightsError::Empty`] if there are none, [`WeightsError::Model`] if some are not of this model, by names, shapes and
    /// the numbers that a weight may have.
    pub fn of(model: M, weights: Vec<Weights<<M::Target as Parameters>::Scalar>>) -> Result<Self, WeightsError> {
        let expected = model.mean_weights();
        if weights.is_empty() {
            return Err(WeightsError::Empty);
        }
        for (index, weights) in weights.iter().enumerate() {
            weights.check_like(&expected).map_err(|mistake| WeightsError::Model { index, mistake })?;
        }
        Ok(KeptDraws { model, weights, in_one_batch: false })
    }

    /// With all rows of a prediction on the tape at once: for a forward in which the rows of a batch influence each other.
    #[must_use]
    pub fn in_one_batch(self) -> Self {
        KeptDraws { in_one_batch: true, ..self }
    }

    /// The weights.
    pub fn weights(&self) -> &[Weights<<M::Target as Parameters>::Scalar>] {
        &self.weights
    }
}

impl<M: Deref<Target: Bayesian + Sized + Sync> + Sync> Samples for KeptDraws<M> {
    type Model = M::Target;

    fn model(&self) -> &M::Target {
        &self.model
    }

    fn count(&self) -> usize {
        self.weights.len()
    }

    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        check_index(index, self.weights.len());
        self.model.at(tape, &self.weights[index])
    }

    fn in_one_batch(&self) -> bool {
        self.in_one_batch
    }
}

impl<M: Deref<Target: Parameters>> fmt::Debug for KeptDraws<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptDraws").field("draws", &self.weights.len()).finish_non_exhaustive()
    }
}
