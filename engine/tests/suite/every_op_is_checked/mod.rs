//! Every operation agrees with central differences in double precision, at random shapes.

mod attention;
mod backward_passes;
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
mod reductions_over_axes;
mod special;

use std::collections::BTreeSet;

use crate::common::Random;
use elbo_engine::{Parameters, Tape, Var, gradcheck};
use proptest::collection::vec;
use proptest::prop_oneof;
use proptest::strategy::Just;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The number of random shapes per operation.
const ROUNDS: u64 = 30;

/// A check: an operation's name, and a function that checks its gradient at random inputs.
type Check = (&'static str, fn(&mut Random));

const CHECKS: &[&[Check]] = &[
    elementwise::CHECKS,
    products::CHECKS,
    reductions::CHECKS,
    rearranging::CHECKS,
    convolutions::CHECKS,
    pools::CHECKS,
    reductions_over_axes::CHECKS,
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
    let exist = crate::common::operations();
    let checked: BTreeSet<String> = CHECKS.iter().copied().flatten().map(|(name, _)| name.to_string()).collect();
    assert!(exist.len() >= 27, "the scan of src/ops finds only {exist:?}");
    let unchecked: Vec<_> = exist.difference(&checked).collect();
    assert!(unchecked.is_empty(), "these operations have no check: {unchecked:?}");
    let gone: Vec<_> = checked.difference(&exist).collect();
    assert!(gone.is_empty(), "these checks have no operation: {gone:?}");
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

/// The families whose operations take values of any shape.
const OF_ANY_SHAPE: &[&[Check]] = &[
    elementwise::CHECKS,
    special::CHECKS,
    reductions::CHECKS,
    reductions_over_axes::CHECKS,
    rearranging::CHECKS,
    moving::CHECKS,
    indexing::CHECKS,
];

/// If a check fails for several shapes, the simplest one is reported.
#[test]
fn elementwise_reducing_and_moving_ops_agree_at_any_shape() {
    let shapes = vec(prop_oneof![1 => Just(0), 2 => Just(1), 3 => 2..4usize], 0..=5);
    for (name, check) in OF_ANY_SHAPE.iter().copied().flatten() {
        let config = Config { cases: 32, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let outcome = runner.run(&(&shapes, 0..1000u64), |(shape, seed)| {
            check(&mut Random::beginning_with(seed, shape));
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }
}

/// The required relative error of 1e-7.
#[track_caller]
fn agree<M, F>(model: &mut M, f: F)
where
    M: Parameters<Scalar = f64> + ?Sized,
    F: for<'t> Fn(&'t Tape<f64>, &'t M) -> Var<'t, f64>,
{
    gradcheck(model, f).assert_within(1e-7);
}
