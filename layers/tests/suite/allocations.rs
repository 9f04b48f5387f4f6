//! From the second training step on, training allocates nothing.

use crate::common::{classifier, examples, nested};
use crate::own_process::{allocations, runs_alone};
use elbo::Tempering;
use elbo::prelude::*;

/// Allocations of every step, (ours, the GEMM library's). Called inside a thread pool: entering one
/// from outside allocates.
fn per_step<M>(model: M, inputs: usize, classes: usize, how: Drawing<'static>) -> Vec<(usize, usize)>
where
    M: Layer + Bayesian<Scalar = f32>,
{
    under(&Objective::new(1000), model, inputs, classes, how)
}

/// [`per_step`] with any objective.
fn under<M>(
    objective: &Objective,
    mut model: M,
    inputs: usize,
    classes: usize,
    how: Drawing<'static>,
) -> Vec<(usize, usize)>
where
    M: Layer + Bayesian<Scalar = f32>,
{
    let (x, labels) = examples(64, inputs, classes);
    let mut tape = Tape::new();
    let mut gradients = Gradients::of(&model);
    let mut adam = Adam::new(1e-3);
    let mut counts = Vec::with_capacity(8);
    for step in 0..8 {
        let before = allocations();
        tape.reset();
        let net = model.draw(&tape, how.key(Key::new(1).step(step)));
        let nll = Categorical.nll(net.forward(tape.input(&x)), &labels);
        let loss = objective.loss_of(nll, &net, step);
        loss.backward(&mut gradients);
        assert!(loss.value().is_finite() && gradients.first_non_finite().is_none());
        adam.step(&mut model, &mut gradients);
        let after = allocations();
        counts.push((after[0] - before[0], after[1] - before[1]));
    }
    counts
}

/// A layer of every posterior family.
fn families() -> Vec<(&'static str, Vec<(usize, usize)>)> {
    let (plain, prior) = (Drawing::new(Key::new(1)), Normal(0.0, 1.0));
    vec![
        ("low rank", per_step(Dense::of(64, 10, |shape| LowRank::new(shape, 3), prior), 64, 10, plain)),
        (
            "the same, estimated",
            per_step(Dense::of(64, 10, |shape| LowRank::new(shape, 3), MonteCarlo(prior)), 64, 10, plain),
        ),
        ("full covariance", per_step(Dense::of(16, 10, FullCovariance::new, prior), 16, 10, plain)),
        ("the same, estimated", per_step(Dense::of(16, 10, FullCovariance::new, MonteCarlo(prior)), 16, 10, plain)),
        ("matrix normal", per_step(Dense::of(64, 10, MatrixNormal::new, prior), 64, 10, plain)),
        ("the same, estimated", per_step(Dense::of(64, 10, MatrixNormal::new, MonteCarlo(prior)), 64, 10, plain)),
        ("log-normal", per_step(Dense::of(64, 10, LogNormal::new, LogNormalPrior(0.0, 1.0)), 64, 10, plain)),
        ("the same, estimated", per_step(Dense::of(64, 10, LogNormal::new, MonteCarlo(prior)), 64, 10, plain)),
        ("radial", per_step(Dense::of(64, 10, Radial::new, prior), 64, 10, plain)),
        ("the same, estimated", per_step(Dense::of(64, 10, Radial::new, MonteCarlo(prior)), 64, 10, plain)),
        (
            "the same, Flipout",
            per_step(Dense::of(64, 10, Radial::new, prior), 64, 10, plain.estimator(Estimator::Flipout)),
        ),
        ("spike and slab", per_step(Dense::of(64, 10, SpikeAndSlab::new, SpikeAndSlabPrior(0.5, 1.0)), 64, 10, plain)),
    ]
}

// In a process of its own, because any thread inside the GEMM library counts as this one.
#[test]
fn no_allocation_per_step() {
    if !runs_alone("allocations::no_allocation_per_step") {
        return;
    }
    let plain = Drawing::new(Key::new(1));
    for threads in [1, 2] {
        let classified =
            |width: usize, how| elbo::with_threads(threads, || per_step(classifier(64, width, 10), 64, 10, how));
        let containers = elbo::with_threads(threads, || per_step(nested(12, 16, 5), 12, 5, plain));
        let cold = Objective::new(1000).tempering(Tempering::Posterior(0.1)).free_nats(300.0);
        let cold = elbo::with_threads(threads, || under(&cold, nested(12, 16, 5), 12, 5, plain));
        let nets = [
            ("the digits' network", classified(128, plain)),
            ("a wide one", classified(600, plain)),
            ("Vec, Option, Box, tuple, nested", containers),
            ("a cold posterior with free nats", cold),
            ("local reparameterisation", classified(128, plain.estimator(Estimator::Local))),
            ("Flipout", classified(128, plain.estimator(Estimator::Flipout))),
            ("four draws in antithetic pairs", classified(128, plain.antithetic_pairs(2))),
        ];
        let families = elbo::with_threads(threads, families);
        for (name, counts) in nets.into_iter().chain(families) {
            println!("{threads} threads, {name}: (ours, the GEMM library's) per step {counts:?}");
            assert!(counts[1..].iter().all(|&(ours, _)| ours == 0), "{name}: {counts:?}");
        }
    }
}
