//! Padded sequences of an attention layer.

use crate::engine::{Real, Var};

/// Checks that there is one length for each example of x (examples, steps, width), of at most the steps; returns the lengths on
/// the tape.
#[track_caller]
pub(super) fn lengths_of<'t, T: Real>(layer: &str, what: &str, x: Var<'t, T>, lengths: &[usize]) -> &'t [usize] {
    let shape = x.shape();
    assert!(
        shape.first() == Some(&lengths.len()),
        "{layer}: got {} lengths for {what} of shape {shape:?} (examples, steps, width), expected one for each of {} examples",
        lengths.len(),
        shape.first().unwrap_or(&1)
    );
    if let Some(row) = lengths.iter().position(|&length| length > shape[1]) {
        panic!(
            "{layer}: the length of row {row} is {}, but {what} of shape {shape:?} has {} steps",
            lengths[row], shape[1]
        );
    }
    x.tape().alloc_slice(lengths.len(), |row| lengths[row])
}

/// x (examples, steps, width) with zeros in place of padding, which is not read.
#[track_caller]
pub(super) fn without_padding<'t, T: Real>(x: Var<'t, T>, lengths: &[usize]) -> Var<'t, T> {
    let steps = x.shape()[1];
    if lengths.iter().all(|&length| length == steps) {
        return x;
    }
    let is_real = |i: usize| i % steps < lengths[i / steps];
    let mask = x.tape().constant([lengths.len(), steps, 1], |i| if is_real(i) { T::ONE } else { T::ZERO });
    mask.select(x, x.tape().constant([], |_| T::ZERO))
}

/// The numbers of examples and steps of x (examples, steps, width).
///
/// # Panics
/// If it has another shape.
#[track_caller]
pub(super) fn check<T: Real>(layer: &str, what: &str, x: Var<'_, T>, width: usize) -> [usize; 2] {
    match *x.shape() {
        [examples, steps, own] if own == width => [examples, steps],
        ref shape => panic!("{layer}: got {what} of shape {shape:?}, expected (examples, steps, {width})"),
    }
}
