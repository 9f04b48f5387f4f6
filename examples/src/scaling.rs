//! How a training step's time grows with the work.

use std::time::{Duration, Instant};

use elbo::prelude::*;
use elbo::with_threads;

/// Training examples that the objective is told of.
const EXAMPLES: usize = 60_000;

/// Steps that are not timed: the first allocates, and fills the caches.
const WARM_UP: usize = 2;

/// Steps that are timed at least.
const LEAST: usize = 3;

/// A network of square layers of one width with rectified units between, and what a step of it is given.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Inputs and outputs of every layer; the outputs are classes.
    pub width: usize,
    /// Layers.
    pub depth: usize,
    /// Examples in a minibatch.
    pub batch: usize,
    /// Draws of the weights in a step.
    pub draws: usize,
    /// Threads.
    pub threads: usize,
}

impl Work {
    /// Random weights and biases.
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
        let first = layers.next().expect("a network has a layer");
        layers.fold(first.forward(x), |x, layer| layer.forward(x.relu()))
    }
}

/// Seconds of one step: weights drawn, forward, bound, backward and Adam. The median of as many steps as fit in `turn`, three
/// at least.
pub fn step(work: Work, turn: Duration) -> f64 {
    let Work { width, depth, batch, draws, threads } = work;
    let mut model = Network { layers: (0..depth).map(|_| Dense::new(width, width)).collect() };
    let x = Tensor::from_fn([batch, width], |i| (i as f64 * 0.731).sin());
    let y: Vec<usize> = (0..batch).map(|i| i * 7 % width).collect();
    let objective = Objective::new(EXAMPLES);
    with_threads(threads, || {
        let (mut tape, mut gradients, mut adam) = (Tape::new(), Gradients::of(&model), Adam::new(1e-3));
        let mut number = 0;
        let mut step = || {
            let start = Instant::now();
            tape.reset();
            let net = model.draw(&tape, Drawing::new(Key::new(1).step(number)).draws(draws));
            let nll = Categorical.nll(net.forward(tape.input(&x)), &y);
            objective.loss(nll, net.kl(), number).backward(&mut gradients);
            adam.step(&mut model, &mut gradients);
            number += 1;
            start.elapsed()
        };
        for _ in 0..WARM_UP {
            step();
        }
        let (start, mut times) = (Instant::now(), Vec::new());
        while times.len() < LEAST || start.elapsed() < turn {
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
    fn every_kind_of_work_is_done() {
        let small = Work { width: 8, depth: 1, batch: 1, draws: 1, threads: 1 };
        assert_eq!(small.weights(), 72);
        for work in
            [small, Work { depth: 3, ..small }, Work { batch: 9, draws: 4, ..small }, Work { threads: 2, ..small }]
        {
            assert!(step(work, Duration::ZERO) > 0.0, "{work:?}");
        }
    }
}
