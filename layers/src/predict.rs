//! Prediction: a model's output averaged over draws of its weights.

use rayon::prelude::*;

use crate::data::Targets;
use crate::metrics::Probabilities;
use crate::{Categorical, Forward, Key, Layer, Real, Tape, Tensor};

/// Rows of a data set that are on a thread's tape at a time.
const ROWS: usize = 256;

/// Parts that a sum over draws is split into, whatever the number of threads.
const PARTS: usize = 16;

/// How many draws of the weights to average over, and their seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    count: usize,
    key: Key,
}

/// So many draws of the weights, with seed 0.
///
/// # Panics
/// If it is 0.
#[allow(non_snake_case, reason = "it reads as a constructor: `Draws(64)`")]
#[track_caller]
pub fn Draws(count: usize) -> Draws {
    assert!(count > 0, "Draws: at least one draw is needed, got 0");
    Draws { count, key: Key::new(0).at("predict") }
}

impl Draws {
    /// With another seed.
    pub fn seed(self, seed: u64) -> Self {
        Draws { key: Key::new(seed).at("predict"), ..self }
    }

    /// The number of draws.
    pub fn count(self) -> usize {
        self.count
    }
}

/// Monte Carlo prediction, for every layer.
pub trait Predict: Layer + Sync {
    /// The outputs of `draws` draws of the weights for every row of `x`.
    ///
    /// It runs on all threads of the current pool, each with a tape that does not record; rows are
    /// streamed, so that beside the result only a few hundred rows of activations are held. The
    /// result is the same for any number of threads.
    ///
    /// # Panics
    /// If `x` is a scalar or has no rows.
    #[track_caller]
    fn predict(&self, x: &Tensor<Self::Scalar>, draws: Draws) -> Predictive<Self::Scalar> {
        let rows = check_rows(x);
        let width = output_width(self, x);
        let mut outputs = Tensor::zeros([draws.count, rows, width]);
        outputs.data_mut().par_chunks_mut((rows * width).max(1)).enumerate().for_each(|(draw, out)| {
            for_each_output(self, x, draws, draw, |row, output| out[row * width..][..width].copy_from_slice(output));
        });
        Predictive { outputs }
    }
}

impl<M: Layer + Sync> Predict for M {}

/// The outputs of every draw: (draws, rows, outputs).
#[derive(Clone, Debug, PartialEq)]
pub struct Predictive<T: Real = f32> {
    outputs: Tensor<T>,
}

impl<T: Real> Predictive<T> {
    /// The outputs, of shape (draws, rows, outputs).
    pub fn outputs(&self) -> &Tensor<T> {
        &self.outputs
    }

    /// The mean over draws, row by row.
    pub fn mean(&self) -> Vec<f64> {
        self.average(|y| y)
    }

    /// The standard deviation over draws (divisor: their number), row by row: the uncertainty that
    /// comes from the weights.
    pub fn sd(&self) -> Vec<f64> {
        let mean = self.mean();
        let each = mean.len().max(1);
        let mut squares = vec![0.0; mean.len()];
        for output in self.outputs.data().chunks(each) {
            for ((square, mean), y) in squares.iter_mut().zip(&mean).zip(output) {
                *square += (y.to_f64() - mean).powi(2);
            }
        }
        let draws = self.outputs.shape()[0] as f64;
        squares.iter().map(|square| (square / draws).sqrt()).collect()
    }

    /// The outputs as logits of classes: mean probabilities, and what the metrics need.
    pub fn categorical(&self) -> Probabilities {
        let &[draws, rows, classes] = self.outputs.shape() else {
            unreachable!("outputs are (draws, rows, outputs)");
        };
        let mut sum = Sum::new(rows, classes);
        for (i, logits) in self.outputs.data().chunks(classes.max(1)).enumerate() {
            sum.add(i % rows, logits);
        }
        sum.finish(draws)
    }

    fn average(&self, of: impl Fn(f64) -> f64) -> Vec<f64> {
        let &[draws, rows, width] = self.outputs.shape() else {
            unreachable!("outputs are (draws, rows, outputs)");
        };
        let mut mean = vec![0.0; rows * width];
        for output in self.outputs.data().chunks((rows * width).max(1)) {
            for (mean, y) in mean.iter_mut().zip(output) {
                *mean += of(y.to_f64()) / draws as f64;
            }
        }
        mean
    }
}

impl Categorical {
    /// Class probabilities averaged over draws of the weights, for every row of `x`:
    /// [`Predict::predict`] with the average taken on the way, so that no draw's outputs are kept.
    ///
    /// # Panics
    /// If `x` is a scalar or has no rows.
    #[track_caller]
    pub fn predict<M: Predict>(&self, model: &M, x: &Tensor<M::Scalar>, draws: Draws) -> Probabilities {
        let rows = check_rows(x);
        let classes = output_width(model, x);
        let part = draws.count.div_ceil(PARTS);
        let sums: Vec<Sum> = (0..draws.count.div_ceil(part))
            .into_par_iter()
            .map(|i| {
                let mut sum = Sum::new(rows, classes);
                for draw in i * part..draws.count.min((i + 1) * part) {
                    for_each_output(model, x, draws, draw, |row, logits| sum.add(row, logits));
                }
                sum
            })
            .collect();
        let mut total = Sum::new(rows, classes);
        sums.iter().for_each(|sum| total.join(sum));
        total.finish(draws.count)
    }
}

/// Probabilities and entropies, summed over draws.
struct Sum {
    classes: usize,
    probabilities: Vec<f64>,
    entropy: Vec<f64>,
}

impl Sum {
    fn new(rows: usize, classes: usize) -> Self {
        Sum { classes, probabilities: vec![0.0; rows * classes], entropy: vec![0.0; rows] }
    }

    fn add<T: Real>(&mut self, row: usize, logits: &[T]) {
        let max = logits.iter().map(|x| x.to_f64()).fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = logits.iter().map(|x| (x.to_f64() - max).exp()).sum();
        for (sum, x) in self.probabilities[row * self.classes..].iter_mut().zip(logits) {
            let log = x.to_f64() - max - total.ln();
            let p = log.exp();
            *sum += p;
            // 0 ln 0 = 0.
            self.entropy[row] -= if p > 0.0 { p * log } else { 0.0 };
        }
    }

    fn join(&mut self, other: &Sum) {
        self.probabilities.iter_mut().zip(&other.probabilities).for_each(|(a, b)| *a += b);
        self.entropy.iter_mut().zip(&other.entropy).for_each(|(a, b)| *a += b);
    }

    fn finish(self, draws: usize) -> Probabilities {
        let mean = |sums: Vec<f64>| sums.into_iter().map(|sum| sum / draws as f64).collect();
        Probabilities::new(mean(self.probabilities), mean(self.entropy), self.classes, draws)
    }
}

#[track_caller]
fn check_rows<T: Real>(x: &Tensor<T>) -> usize {
    let rows = x.rows();
    assert!(rows > 0, "predict: there are no rows in an input of shape {:?}", x.shape());
    rows
}

/// Outputs of one row: the output's axes after the first.
fn output_width<M: Predict + ?Sized>(model: &M, x: &Tensor<M::Scalar>) -> usize {
    let mut first = x.empty_like();
    x.gather(&[0], &mut first);
    let tape = Tape::inference();
    model.mean(&tape).forward(tape.input(&first)).len()
}

/// Calls `visit` with every row's output under one draw of the weights, a part of the rows at a time.
fn for_each_output<M: Predict + ?Sized>(
    model: &M,
    x: &Tensor<M::Scalar>,
    draws: Draws,
    draw: usize,
    mut visit: impl FnMut(usize, &[M::Scalar]),
) {
    let mut tape = Tape::inference();
    let (mut batch, mut indices) = (x.empty_like(), Vec::new());
    for from in (0..x.rows()).step_by(ROWS) {
        indices.clear();
        indices.extend(from..x.rows().min(from + ROWS));
        x.gather(&indices, &mut batch);
        tape.reset();
        let output = model.draw(&tape, draws.key.draw(draw)).forward(tape.input(&batch)).value();
        for (i, output) in output.chunks(output.len() / indices.len()).enumerate() {
            visit(from + i, output);
        }
    }
}
