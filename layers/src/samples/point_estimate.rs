//! `PointEstimate`: a model at its posterior's means.

use std::fmt;
use std::ops::Deref;

use super::{DrawOf, Draws, Samples, ScalarOf, check_index};
use crate::engine::{Parameters, Tape};
use crate::model::Bayesian;
use crate::sampling::{Cx, Mode, StepRows};

/// A model at its posterior's means, as a single draw: a maximum a posteriori estimate after a training by
/// [`Map`](crate::Map). Layers that make noise are off, unless there are [draws of it](PointEstimate::with_noise). `M` is a
/// pointer to the model: `&Model`, `Box<Model>` or `Arc<Model>`.
///
/// ```
/// # use elbo::prelude::*;
/// let model = Dense::new(3, 2);
/// let predictions = model.point_estimate().predict(&Categorical, &Tensor::from_fn([1, 3], |i| i as f64));
/// # assert_eq!(predictions.classes(), 2);
/// ```
#[derive(Clone, Copy)]
pub struct PointEstimate<M> {
    model: M,
    noise: Option<Draws>,
}

impl<M: Deref<Target: Bayesian + Sized>> PointEstimate<M> {
    /// The estimate of this model.
    pub fn new(model: M) -> Self {
        PointEstimate { model, noise: None }
    }

    /// Draws the noise of the layers that make some in predictions, such as [`Dropout::monte_carlo`](crate::nn::Dropout::monte_carlo),
    /// this many times: Monte Carlo dropout (Gal and Ghahramani 2016).
    #[must_use]
    pub fn with_noise(self, draws: Draws) -> Self {
        PointEstimate { noise: Some(draws), ..self }
    }
}

impl<M: Deref<Target: Bayesian + Sized + Sync> + Sync> Samples for PointEstimate<M> {
    type Model = M::Target;

    fn model(&self) -> &M::Target {
        &self.model
    }

    fn count(&self) -> usize {
        self.noise.map_or(1, Draws::count)
    }

    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        check_index(index, self.count());
        match self.noise {
            None => self.model.mean(tape),
            Some(draws) => {
                self.model.draw_in(Cx::new(tape, draws.key(index), Mode::PointEstimate { rows: StepRows::ALL }))
            }
        }
    }

    fn in_one_batch(&self) -> bool {
        self.noise.is_some_and(Draws::are_in_one_batch)
    }
}

impl<M: Deref<Target: Parameters>> fmt::Debug for PointEstimate<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PointEstimate").field("noise", &self.noise).finish_non_exhaustive()
    }
}
