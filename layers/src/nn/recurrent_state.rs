//! The initial state of recurrent layers, and the size of their gates.

use crate::engine::{Real, Var};

/// A state of zeros for each example of x (examples, steps, inputs).
#[track_caller]
pub(crate) fn zero_state<'t, T: Real>(layer: &str, x: Var<'t, T>, hidden: usize) -> Var<'t, T> {
    let &[examples, ..] = x.shape() else {
        panic!("{layer}: got x of shape [], expected (examples, steps, inputs)");
    };
    x.tape().constant([examples, hidden], |_| T::ZERO)
}

/// The number of outputs of `gates` gates of width `hidden`.
#[track_caller]
pub(crate) fn outputs_of_gates(layer: &str, gates: usize, hidden: usize) -> usize {
    let outputs = gates.checked_mul(hidden);
    outputs.unwrap_or_else(|| {
        panic!("{layer}: {gates} gates of width {hidden} have more outputs than can be addressed in memory")
    })
}
