//! 90 % intervals of mixtures of normal distributions, beside the prediction that they are of: a network with one hidden
//! layer of 50 units, 10,000 rows and 100 draws by default. Prints milliseconds, the least of several runs.
//!
//! `cargo bench -p elbo --bench interval -- [rows] [draws] [threads]`

use std::hint::black_box;
use std::time::Instant;

use elbo::prelude::*;
use elbo::{HeteroscedasticGaussian, with_threads};

#[bayesian]
struct Net {
    hidden: Dense,
    head: Dense,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.hidden.forward(x).tanh())
    }
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let [rows, draws, threads] =
        [(0, 10_000), (1, 100), (2, 2)].map(|(at, default)| numbers.get(at).copied().unwrap_or(default));
    let x = Tensor::from_fn([rows, 8], |i| (i as f64 * 0.731).sin());
    let mut model = Net { hidden: Dense::new(8, 50).initial_sd(0.1), head: Dense::new(50, 2).initial_sd(0.1) };
    model.initialise(Key::new(1));
    with_threads(threads, || {
        let (predicted, prediction) = least(|| model.predict(&HeteroscedasticGaussian, &x, Draws(draws)));
        let (_, interval) = least(|| predicted.interval(0.9));
        println!(
            "{rows} rows, {draws} draws, {threads} threads: prediction {prediction:.1} ms, 90 % intervals {interval:.1} ms"
        );
    });
}

/// The result, and the least time of five runs in milliseconds.
fn least<R>(work: impl Fn() -> R) -> (R, f64) {
    let mut times = Vec::new();
    let mut result = None;
    for _ in 0..5 {
        let start = Instant::now();
        result = Some(black_box(work()));
        times.push(1e3 * start.elapsed().as_secs_f64());
    }
    (result.expect("there were runs"), times.into_iter().fold(f64::INFINITY, f64::min))
}
