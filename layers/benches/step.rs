//! One training step: draw, forward, mean NLL + KL/N, backward and Adam, on one and on two threads.
//!
//! `cargo bench -p elbo --bench step`
//!
//! Everything is f32 and the inputs lie in memory. `mlp-400` and `mlp-1200` are 784-400-400-10 and 784-1200-1200-10
//! with relu, categorical, batch 128, N = 60,000; `small` is 1-50-50-1 with tanh, squared error, batch 32, N = 1,000.

mod networks;

use criterion::Criterion;
use elbo::prelude::*;
use elbo::with_threads;
use networks::classifier;

#[bayesian]
struct Curve {
    hidden: [Dense; 2],
    head: Dense,
}

#[bayesian]
impl Curve {
    fn forward(&self, x: Var) -> Var {
        let [first, second] = self.hidden;
        let x = first.forward(x).tanh();
        let x = second.forward(x).tanh();
        self.head.forward(x)
    }
}

fn numbers(shape: [usize; 2]) -> Tensor {
    Tensor::from_fn(shape, |i| (i as f64 * 0.731).sin())
}

/// Times steps of `model` on one batch, of a training set of `examples` examples, on the pool that this is called in.
fn steps<M, L>(
    criterion: &mut Criterion,
    name: &str,
    mut model: M,
    likelihood: L,
    examples: usize,
    x: Tensor,
    y: L::Targets,
) where
    M: Layer + Bayesian<Scalar = f32>,
    L: Likelihood<f32>,
{
    let objective = Objective::new(examples);
    criterion.bench_function(name, |bencher| {
        let (mut tape, mut gradients, mut adam) = (Tape::new(), Gradients::of(&model), Adam::new(1e-3));
        let mut number = 0;
        let mut step = || {
            tape.reset();
            let net = model.draw(&tape, Key::new(1).step(number));
            let nll = likelihood.mean_nll(net.forward(tape.input(&x)), &y);
            objective.loss(nll, net.kl(), number).backward(&mut gradients);
            adam.step(&mut model, &mut gradients);
            number += 1;
        };
        // The first step allocates.
        step();
        bencher.iter(step);
    });
}

fn all(criterion: &mut Criterion, threads: usize) {
    for width in [400, 1200] {
        let labels = (0..128).map(|i| i * 7 % 10).collect();
        let name = format!("mlp-{width}, {threads} threads");
        steps(criterion, &name, classifier(width), Categorical, 60_000, numbers([128, 784]), labels);
    }
    let curve = Curve { hidden: [Dense::new(1, 50), Dense::new(50, 50)], head: Dense::new(50, 1) };
    // (y − f)² is the Gaussian NLL with variance ½, up to a constant.
    let squared_error = Gaussian::new(0.5f64.sqrt());
    let name = format!("small, {threads} threads");
    steps(criterion, &name, curve, squared_error, 1000, numbers([32, 1]), numbers([32, 1]));
}

fn main() {
    // Run everything within the pool: the system takes a while to move newly started threads to separate cores.
    for threads in [1, 2] {
        with_threads(threads, || {
            all(&mut Criterion::default().sample_size(20).configure_from_args(), threads);
        });
    }
}
