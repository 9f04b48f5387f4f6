//! Probabilities of classes, averaged over draws.

use crate::Real;
use crate::metrics::Probabilities;

/// Probabilities and entropies, summed over draws.
pub(super) struct Sum {
    classes: usize,
    probabilities: Vec<f64>,
    entropy: Vec<f64>,
}

impl Sum {
    pub(super) fn new(rows: usize, classes: usize) -> Self {
        Sum { classes, probabilities: vec![0.0; rows * classes], entropy: vec![0.0; rows] }
    }

    pub(super) fn add<T: Real>(&mut self, row: usize, logits: &[T]) {
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

    pub(super) fn join(&mut self, other: &Sum) {
        self.probabilities.iter_mut().zip(&other.probabilities).for_each(|(a, b)| *a += b);
        self.entropy.iter_mut().zip(&other.entropy).for_each(|(a, b)| *a += b);
    }

    pub(super) fn finish(self, draws: usize) -> Probabilities {
        let mean = |sums: Vec<f64>| sums.into_iter().map(|sum| sum / draws as f64).collect();
        Probabilities::new(mean(self.probabilities), mean(self.entropy), self.classes, draws)
    }
}
