//! Where a recurrent layer begins.

use crate::{Real, Var};

/// A state of zeros for every example of x (examples, steps, inputs).
#[track_caller]
pub(crate) fn rest<'t, T: Real>(layer: &str, x: Var<'t, T>, hidden: usize) -> Var<'t, T> {
    let &[examples, ..] = x.shape() else {
        panic!("{layer}: x of shape []; expected (examples, steps, inputs)");
    };
    x.tape().constant([examples, hidden], |_| T::ZERO)
}
