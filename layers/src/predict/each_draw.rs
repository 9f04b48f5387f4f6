//! `EachDraw`: samples whose draws are each a sample of every weight.

use crate::engine::Tape;
use crate::samples::{DrawOf, Samples, ScalarOf};
use crate::weights::Weights;

/// Samples for what is said of each draw by itself: layers that would give the moments of their outputs sample their
/// weights. Samples of outputs in place of weights stay as they are.
pub(super) struct EachDraw<'s, S>(pub(super) &'s S);

impl<S: Samples> Samples for EachDraw<'_, S> {
    type Model = S::Model;

    fn model(&self) -> &S::Model {
        self.0.model()
    }

    fn count(&self) -> usize {
        self.0.count()
    }

    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<S>>, index: usize) -> DrawOf<'t, S> {
        if self.0.serves_once() { self.0.draw(tape, index) } else { self.0.draw_all(tape, index) }
    }

    #[track_caller]
    fn draw_for_rows<'t>(&'t self, tape: &'t Tape<ScalarOf<S>>, index: usize, first: usize) -> DrawOf<'t, S> {
        if self.0.serves_once() { self.0.draw_for_rows(tape, index, first) } else { self.0.draw_all(tape, index) }
    }

    fn at_once(&self) -> usize {
        self.0.at_once()
    }

    fn in_one_batch(&self) -> bool {
        self.0.in_one_batch()
    }

    fn serves_once(&self) -> bool {
        self.0.serves_once()
    }

    fn copy(&self, draw: &DrawOf<'_, S>, index: usize) -> Option<Weights<ScalarOf<S>>> {
        self.0.copy(draw, index)
    }
}
