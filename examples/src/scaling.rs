//! Times a training step at given network sizes.

use std::time::{Duration, Instant};

use elbo::prelude::*;
use elbo::with_threads;

/// N of the objective.
const EXAMPLES: usize = 60_000;

/// Untimed steps: the first allocates and fills the caches.
const WARM_UP: usize = 2;

/// Minimum number of timed steps.
const MIN_STEPS: usize = 3;

/// The size of a network of square layers with relu between, and of its training step.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Inputs and outputs of every layer; the last outputs are classes.
    pub width: usize,
    /// Number of layers.
    pub depth: usize,
    /// Examples in a minibatch.
    pub batch: usize,
    /// Draws of the weights per step.
    pub draws: usize,
    /// Number of threads.
    pub threads: usize,
}

impl Work {
    /// Number of random weights and biases.
    pub fn weights(&self) -> usize {
        self.depth * self.width * (self.width + 1)
    }
}

#[bayesian]
struct Network {
    layers: Vec<Dense>,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        let mut layers = self.layers.iter();
        let first = layers.next().expect("at least one layer");
        layers.fold(first.forward(x), |x, layer| layer.forward(x.relu()))
    }
}

/// Median seconds of a training step (draw, forward pass, bound, backward pass and Adam), over at least `duration` and three
/// steps.
pub fn median_step(work: Work, duration: Duration) -> f64 {
    let Work { width, depth, batch, draws, threads } = work;
    let mut model = Network { layers: (0..depth).map(|_| Dense::new(width, width)).collect() };
    let x = Tensor::from_fn([batch, width], |i| (i as f64 * 0.731).sin());
    let y: Vec<usize> = (0..batch).map(|i| i * 7 % width).collect();
    let objective = Objective::new(EXAMPLES);
    with_threads(threads, || {
        let (mut tape, mut gradients, mut adam) = (Tape::new(), Gradients::of(&model), Adam::new(1e-3));
        let mut step_number = 0;
        let mut step = || {
            let start = Instant::now();
            tape.reset();
            let net = model.draw(&tape, Drawing::new(Key::new(1).step(step_number)).draws(draws));
            let nll = Categorical.nll(net.forward(tape.input(&x)), &y);
            objective.loss(nll, net.kl(), step_number).backward(&mut gradients);
            adam.step(&mut model, &mut gradients);
            step_number += 1;
            start.elapsed()
        };
        for _ in 0..WARM_UP {
            step();
        }
        let (start, mut times) = (Instant::now(), Vec::new());
        while times.len() < MIN_STEPS || start.elapsed() < duration {
            times.push(step());
        }
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_step_runs() {
        let small = Work { width: 8, depth: 1, batch: 1, draws: 1, threads: 1 };
        assert_eq!(small.weights(), 72);
        for work in
            [small, Work { depth: 3, ..small }, Work { batch: 9, draws: 4, ..small }, Work { threads: 2, ..small }]
        {
            assert!(median_step(work, Duration::ZERO) > 0.0, "{work:?}");
        }
    }
}
