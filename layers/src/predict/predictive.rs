//! Outputs of every draw, and what they come to.

use super::classes::Sum;
use crate::metrics::{NormalMixture, Probabilities};
use crate::{Gaussian, Real, Tensor};

/// The outputs of every draw: (draws, rows, outputs).
#[derive(Clone, Debug, PartialEq)]
pub struct Predictive<T: Real = f32> {
    pub(super) outputs: Tensor<T>,
}

impl<T: Real> Predictive<T> {
    /// The outputs, of shape (draws, rows, outputs).
    pub fn outputs(&self) -> &Tensor<T> {
        &self.outputs
    }

    /// The mean over draws, row by row.
    pub fn mean(&self) -> Vec<f64> {
        let (draws, each) = self.sizes();
        let mut mean = vec![0.0; each];
        for output in self.outputs.data().chunks(each.max(1)) {
            for (mean, y) in mean.iter_mut().zip(output) {
                *mean += y.to_f64() / draws as f64;
            }
        }
        mean
    }

    /// The standard deviation over draws (divisor: their number), row by row: the uncertainty that
    /// comes from the weights. [`gaussian`](Predictive::gaussian) has that of the observations beside it.
    pub fn sd(&self) -> Vec<f64> {
        let (draws, each) = self.sizes();
        let mean = self.mean();
        let mut squares = vec![0.0; each];
        for output in self.outputs.data().chunks(each.max(1)) {
            for ((square, mean), y) in squares.iter_mut().zip(&mean).zip(output) {
                *square += (y.to_f64() - mean).powi(2);
            }
        }
        squares.iter().map(|square| (square / draws as f64).sqrt()).collect()
    }

    /// The outputs as logits of classes: mean probabilities, and what the metrics need.
    pub fn categorical(&self) -> Probabilities {
        let (draws, each) = self.sizes();
        let classes = self.outputs.shape()[2];
        let rows = each / classes.max(1);
        let mut sum = Sum::new(rows, classes);
        for (i, logits) in self.outputs.data().chunks(classes.max(1)).enumerate() {
            sum.add(i % rows, logits);
        }
        sum.finish(draws)
    }

    /// The outputs as means of observations with this noise: predictions with both uncertainties, and their metrics.
    ///
    /// # Panics
    /// If a row has no outputs.
    #[track_caller]
    pub fn gaussian(&self, likelihood: &Gaussian) -> NormalMixture {
        let means = self.outputs.data().iter().map(|y| y.to_f64()).collect();
        NormalMixture::new(means, self.outputs.shape()[0], self.outputs.shape()[2], likelihood.sd())
    }

    /// The number of draws, and of outputs in each.
    fn sizes(&self) -> (usize, usize) {
        let shape = self.outputs.shape();
        (shape[0], shape[1] * shape[2])
    }
}
