//! `KeptDraws`: posterior samples kept in memory, drawn once or supplied by MCMC, an ensemble or files.

use std::fmt;
use std::ops::Deref;

use super::{DrawOf, Samples, ScalarOf, check_index};
use crate::engine::{Parameters, Tape};
use crate::model::Bayesian;
use crate::samples::Draws;
use crate::weights::{Weights, WeightsError};

/// Posterior samples of the weights, kept in memory: for a service that should not draw weights for each request, or
/// for weights from elsewhere. `M` is a pointer to the model: `&Model`, `Box<Model>` or `Arc<Model>`.
///
/// It can predict on several threads at once. K draws take K times the memory of the weights.
///
/// ```
/// # use elbo::prelude::*;
/// # use elbo::KeptDraws;
/// let model = Dense::new(3, 2);
/// let service = KeptDraws::new(Box::new(model), Draws(64)); // owns the model, and is `Send + Sync`
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
    /// Draws from the model's own posterior: the same weights as [`posterior`](crate::PredictFromPosterior::posterior)
    /// draws.
    pub fn new(model: M, draws: Draws) -> Self {
        let weights = (0..draws.count()).map(|draw| model.draw_with_noise(draws.key(draw))).collect();
        KeptDraws { model, weights, in_one_batch: draws.are_in_one_batch() }
    }

    /// Uses weights from elsewhere: MCMC, an ensemble, files. Everything else, such as the running statistics of a
    /// batch normalisation, is taken from `model` for all of them.
    ///
    /// Train each member of an ensemble with its own seed, so that they start from different weights:
    /// [`Elbo::seed`](crate::Elbo::seed).
    ///
    /// # Errors
    /// [`WeightsError::Empty`] if `weights` is empty, [`WeightsError::Model`] if names, shapes or values do not fit the
    /// model.
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

    /// Predicts all rows in one batch, for a forward in which the rows of a batch influence each other.
    #[must_use]
    pub fn in_one_batch(self) -> Self {
        KeptDraws { in_one_batch: true, ..self }
    }

    /// The same model with other weights, which fit it.
    pub(crate) fn with_weights(&self, weights: Vec<Weights<<M::Target as Parameters>::Scalar>>) -> Self
    where
        M: Clone,
    {
        KeptDraws { model: self.model.clone(), weights, in_one_batch: self.in_one_batch }
    }

    /// The weights of each draw.
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
