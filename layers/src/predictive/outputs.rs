//! `Outputs`: a model's outputs under every posterior draw, with their mean and standard deviation.

use crate::engine::{Real, Tensor};
use crate::predictive::Predictive;

/// A model's outputs under every posterior draw: (draws, rows, ..), where .. are the axes of the model's output after
/// the first.
///
/// [`Likelihood::predictive`](crate::Likelihood::predictive) turns them into a predictive distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs<T: Real = f32> {
    tensor: Tensor<T>,
}

impl<T: Real> Outputs<T> {
    /// Wraps a tensor of shape (draws, rows, ..).
    ///
    /// # Panics
    /// If there are no draws or no rows.
    #[track_caller]
    pub fn new(tensor: Tensor<T>) -> Self {
        let fits = tensor.shape().len() >= 2 && tensor.shape()[..2].iter().all(|&count| count > 0);
        assert!(fits, "Outputs: got shape {:?}, expected (draws, rows, ..) with at least one of each", tensor.shape());
        Outputs { tensor }
    }

    /// The number of draws.
    pub fn draws(&self) -> usize {
        self.tensor.shape()[0]
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.tensor.shape()[1]
    }

    /// The shape of one row's output.
    pub fn axes(&self) -> &[usize] {
        &self.tensor.shape()[2..]
    }

    /// The outputs, (draws, rows, ..).
    pub fn tensor(&self) -> &Tensor<T> {
        &self.tensor
    }

    /// The mean over draws, row by row.
    pub fn mean(&self) -> Vec<f64> {
        let (draws, each) = (self.draws(), self.each());
        let mut mean = vec![0.0; each];
        for output in self.tensor.data().chunks(each.max(1)) {
            for (mean, y) in mean.iter_mut().zip(output) {
                *mean += y.to_f64() / draws as f64;
            }
        }
        mean
    }

    /// The standard deviation over draws (divided by their number), row by row: the epistemic uncertainty.
    pub fn sd(&self) -> Vec<f64> {
        let (draws, each) = (self.draws(), self.each());
        let mean = self.mean();
        let mut squares = vec![0.0; each];
        for output in self.tensor.data().chunks(each.max(1)) {
            for ((square, mean), y) in squares.iter_mut().zip(&mean).zip(output) {
                *square += (y.to_f64() - mean).powi(2);
            }
        }
        squares.iter().map(|square| (square / draws as f64).sqrt()).collect()
    }

    /// Converts to another scalar type.
    pub fn cast<U: Real>(&self) -> Outputs<U> {
        Outputs { tensor: self.tensor.cast() }
    }

    /// The outputs as (draws · rows, ..).
    pub(crate) fn draws_and_rows(&self) -> Tensor<T> {
        let shape: Vec<usize> = [self.draws() * self.rows()].iter().chain(self.axes()).copied().collect();
        Tensor::new(shape, self.tensor.data())
    }

    /// The number of outputs in each draw.
    fn each(&self) -> usize {
        self.tensor.len() / self.draws()
    }
}

impl<T: Real> Predictive for Outputs<T> {
    /// # Panics
    /// If the parts differ in their number of draws or in the shape of a row's output.
    #[track_caller]
    fn join(mut parts: Vec<Self>) -> Self {
        if parts.len() == 1 {
            return parts.remove(0);
        }
        let (first, draws) = (&parts[0], parts[0].draws());
        for part in &parts {
            let same = draws == part.draws() && first.axes() == part.axes();
            assert!(same, "Outputs: cannot join shapes {:?} and {:?}", first.tensor.shape(), part.tensor.shape());
        }
        let mut shape = first.tensor.shape().to_vec();
        shape[1] = parts.iter().map(Outputs::rows).sum();
        let mut joined = Vec::with_capacity(shape.iter().product());
        for draw in 0..draws {
            for part in &parts {
                joined.extend_from_slice(&part.tensor.data()[draw * part.each()..][..part.each()]);
            }
        }
        Outputs { tensor: Tensor::new(shape, joined) }
    }
}
