//! Evaluates a model at given weights, which enter the tape in one of several ways.

use std::cell::Cell;

use crate::engine::{Key, Tape};
use crate::model::Bayesian;
use crate::sampling::{Cx, Mode};
use crate::weights::{Leaves, Weights};

/// [`Bayesian::at`] for weights that enter the tape by `leaves`.
///
/// # Panics
/// As [`Bayesian::at`].
#[track_caller]
pub(crate) fn at_leaves<'t, M: Bayesian + ?Sized>(
    model: &'t M,
    tape: &'t Tape<M::Scalar>,
    weights: &'t Weights<M::Scalar>,
    leaves: Leaves<'t, M::Scalar>,
) -> M::Draw<'t> {
    let used = tape.alloc_without_drop(Cell::new(0));
    let key = weights.noise().unwrap_or(Key::new(0));
    let draw = model.draw_in(Cx::new(tape, key, Mode::At { weights, leaves, used }));
    let (found, used) = (weights.entries().len(), used.get());
    assert!(found == used, "at: the weights are of another model: {found} tensors for {used} random weights");
    draw
}
