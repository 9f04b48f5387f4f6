//! An adjoint that is exactly zero passes on exactly zero, whatever the operation's derivative there: infinite or NaN. The
//! gradients of the other elements are those without the special ones.

mod elementwise;
mod known;
mod rows;

use std::collections::BTreeSet;

use elbo_engine::kernels::dispatch::{Level, with_level};
use elbo_engine::{Gradients, Tape, Tensor, Var};

use crate::common::Random;
use crate::common::panics::outcome;

/// An operation's name, and a check of it.
type Check = (&'static str, fn());

/// Operations whose adjoints only move, copy or add the elements of their outputs' adjoints.
const MOVES: &[&str] = &[
    "at",
    "broadcast_to",
    "concat",
    "diagonal",
    "embedding",
    "embedding_padded",
    "embedding_read_from",
    "flip",
    "gather",
    "index_add",
    "index_select",
    "pad",
    "permute",
    "repeat",
    "reshape",
    "roll",
    "scatter_add",
    "slice",
    "split",
    "stack",
    "transpose",
    "tril",
    "triu",
];

/// Operations without a gradient.
const MASKS: &[&str] = &["argmax", "argmin", "eq", "ge", "gt", "le", "lt", "ne"];

/// Sums of products: an element that is not finite makes the whole sum so, even with the factor 0.
const PRODUCTS: &[&str] = &["einsum", "linear", "matmul", "outer"];

#[test]
fn every_op_has_a_check() {
    let mut checked: BTreeSet<String> = [MOVES, MASKS, PRODUCTS].into_iter().flatten().map(|x| x.to_string()).collect();
    checked.extend([elementwise::CHECKS, rows::CHECKS].into_iter().flatten().map(|(name, _)| name.to_string()));
    assert_eq!(checked, crate::common::operations());
}

#[test]
fn an_adjoint_of_zero_passes_on_zero() {
    let mut failed = Vec::new();
    for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
        for (name, check) in [elementwise::CHECKS, rows::CHECKS].into_iter().flatten() {
            if let Err(panic) = outcome(|| with_level(level, check)) {
                failed.push(format!("{name} at {level:?}: {}", panic.message));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The gradients of all inputs for these adjoints of the elements of the value.
fn gradients(
    inputs: &[Tensor<f64>],
    adjoint: impl Fn(usize) -> f64,
    f: &dyn for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
) -> Vec<Vec<f64>> {
    let mut gradients = Gradients::of(inputs);
    let tape = Tape::new();
    let inputs: Vec<_> = inputs.iter().map(|tensor| tape.param(tensor)).collect();
    let y = f(&inputs);
    (y * tape.constant(y.shape(), adjoint)).sum().backward(&mut gradients);
    gradients.iter().map(|(.., gradient)| gradient.to_vec()).collect()
}

/// Numbers of either sign, or positive ones.
fn ordinary(random: &mut Random, shape: &[usize], positive: bool) -> Tensor<f64> {
    if positive { random.positive(shape) } else { random.tensor(shape) }
}
