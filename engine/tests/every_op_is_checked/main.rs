//! Every operation of a variable agrees with central differences in double precision, at random shapes.

#[path = "../common/mod.rs"]
mod common;

mod attention;
mod convolutions;
mod einsum;
mod elementwise;
mod factorisations;
mod indexing;
mod losses;
mod moving;
mod norms;
mod pools;
mod products;
mod rearranging;
mod recurrent;
mod reductions;
mod runs;
mod special;
mod sweeps;

use std::collections::BTreeSet;

use common::Random;
use elbo_engine::{Parameters, Tape, Var, gradcheck};

/// Random shapes that an operation is checked at.
const ROUNDS: u64 = 30;

/// One check: an operation's name, and what compares its gradient at random inputs.
type Check = (&'static str, fn(&mut Random));

const CHECKS: &[&[Check]] = &[
    elementwise::CHECKS,
    products::CHECKS,
    reductions::CHECKS,
    rearranging::CHECKS,
    convolutions::CHECKS,
    pools::CHECKS,
    runs::CHECKS,
    special::CHECKS,
    norms::CHECKS,
    attention::CHECKS,
    moving::CHECKS,
    indexing::CHECKS,
    factorisations::CHECKS,
    losses::CHECKS,
    einsum::CHECKS,
    recurrent::CHECKS,
];

#[test]
fn every_op_is_checked() {
    let exist = common::operations();
    let checked: BTreeSet<String> = CHECKS.iter().copied().flatten().map(|(name, _)| name.to_string()).collect();
    assert!(exist.len() >= 27, "the scan of src/ops finds only {exist:?}");
    let unchecked: Vec<_> = exist.difference(&checked).collect();
    assert!(unchecked.is_empty(), "these operations have no check: {unchecked:?}");
    let gone: Vec<_> = checked.difference(&exist).collect();
    assert!(gone.is_empty(), "these checks are of no operation: {gone:?}");
}

#[test]
fn every_op_agrees_with_central_differences() {
    for (name, check) in CHECKS.iter().copied().flatten() {
        for round in 0..ROUNDS {
            println!("{name}, round {round}");
            check(&mut Random::new(round));
        }
    }
}

/// What the issue asks: 1e-7, relative.
#[track_caller]
fn agree<M, F>(model: &mut M, f: F)
where
    M: Parameters<Scalar = f64> + ?Sized,
    F: for<'t> Fn(&'t Tape<f64>, &'t M) -> Var<'t, f64>,
{
    gradcheck(model, f).assert_within(1e-7);
}
