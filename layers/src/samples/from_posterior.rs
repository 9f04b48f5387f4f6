//! `FromPosterior`: draws of a model's own posterior, made anew at each prediction.

use std::fmt;

use super::{DrawOf, Samples, ScalarOf, check_index};
use crate::engine::{Path, Tape};
use crate::model::{Bayesian, Drawn};
use crate::samples::Draws;
use crate::sampling::Drawing;
use crate::weights::Weights;

/// Draws of a model's own posterior, made by [`posterior`](crate::PredictFromPosterior::posterior). They are not kept
/// in memory: each prediction draws the same weights again.
pub struct FromPosterior<'m, M> {
    model: &'m M,
    draws: Draws,
}

impl<M> Clone for FromPosterior<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for FromPosterior<'_, M> {}

impl<'m, M: Bayesian> FromPosterior<'m, M> {
    pub(crate) fn new(model: &'m M, draws: Draws) -> Self {
        FromPosterior { model, draws }
    }
}

impl<M: Bayesian + Sync> Samples for FromPosterior<'_, M> {
    type Model = M;

    fn model(&self) -> &M {
        self.model
    }

    fn count(&self) -> usize {
        self.draws.count()
    }

    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        check_index(index, self.draws.count());
        self.model.draw(tape, Drawing::new(self.draws.key(index)).without_kl())
    }

    #[track_caller]
    fn draw_all<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        check_index(index, self.draws.count());
        self.model.draw(tape, Drawing::new(self.draws.key(index)).without_kl().sampling_all())
    }

    fn in_one_batch(&self) -> bool {
        self.draws.are_in_one_batch()
    }

    fn copy(&self, draw: &DrawOf<'_, Self>, index: usize) -> Option<Weights<ScalarOf<Self>>> {
        // At a copy of the samples, a layer that gives the moments of its outputs would give other outputs.
        let mut gave_moments = false;
        draw.walk(&Path::ROOT, &mut |_, weight| gave_moments |= weight.gave_moments());
        (!gave_moments).then(|| Weights::of(draw).with_noise(self.draws.key(index)))
    }
}

impl<M> fmt::Debug for FromPosterior<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromPosterior").field("draws", &self.draws.count()).finish_non_exhaustive()
    }
}
