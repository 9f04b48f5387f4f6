//! `OneDraw`: a single draw of other samples.

use crate::engine::Tape;
use crate::samples::{DrawOf, Samples, ScalarOf};
use crate::weights::Weights;

/// One draw of some samples, as samples, with a sample of every weight.
pub(super) struct OneDraw<'s, S> {
    pub(super) samples: &'s S,
    pub(super) index: usize,
}

impl<S: Samples> Samples for OneDraw<'_, S> {
    type Model = S::Model;

    fn model(&self) -> &S::Model {
        self.samples.model()
    }

    fn count(&self) -> usize {
        1
    }

    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<S>>, _: usize) -> DrawOf<'t, S> {
        self.samples.draw_all(tape, self.index)
    }

    fn in_one_batch(&self) -> bool {
        self.samples.in_one_batch()
    }

    fn copy(&self, draw: &DrawOf<'_, S>, _: usize) -> Option<Weights<ScalarOf<S>>> {
        self.samples.copy(draw, self.index)
    }
}
