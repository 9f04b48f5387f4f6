//! Statistics of targets: mean, standard deviation, extremes and the share of zeros.

use crate::data::Labels;
use crate::engine::{Real, Tensor};

/// Targets that are numbers, or labels taken as numbers.
pub trait AsNumbers {
    /// All numbers.
    fn as_numbers(&self) -> Vec<f64>;
}

impl<T: Real> AsNumbers for Tensor<T> {
    fn as_numbers(&self) -> Vec<f64> {
        self.data().iter().map(|y| y.to_f64()).collect()
    }
}

impl AsNumbers for Vec<usize> {
    fn as_numbers(&self) -> Vec<f64> {
        self.iter().map(|&label| label as f64).collect()
    }
}

impl AsNumbers for Labels {
    fn as_numbers(&self) -> Vec<f64> {
        self.values().iter().map(|&label| label as f64).collect()
    }
}

/// The mean of all targets.
pub fn mean(targets: &impl AsNumbers) -> f64 {
    let numbers = targets.as_numbers();
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// The standard deviation of all targets, divided by their number.
pub fn sd(targets: &impl AsNumbers) -> f64 {
    let (numbers, mean) = (targets.as_numbers(), mean(targets));
    (numbers.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / numbers.len() as f64).sqrt()
}

/// The smallest target.
pub fn min(targets: &impl AsNumbers) -> f64 {
    targets.as_numbers().into_iter().fold(f64::INFINITY, f64::min)
}

/// The largest target.
pub fn max(targets: &impl AsNumbers) -> f64 {
    targets.as_numbers().into_iter().fold(f64::NEG_INFINITY, f64::max)
}

/// The share of targets that are 0.
pub fn zeros(targets: &impl AsNumbers) -> f64 {
    let numbers = targets.as_numbers();
    numbers.iter().filter(|y| **y == 0.0).count() as f64 / numbers.len() as f64
}
