//! Probabilities of classes, averaged over draws.

use crate::Real;
use crate::metrics::Probabilities;

/// Probabilities and entropies, summed over draws.
pub(super) struct Sum {
    classes: usize,
    probabilities: Vec<f64>,
    entropy: Vec<f64>,
    /// Room for e^(logit − max) of one row.
    exponentials: Vec<f64>,
}

impl Sum {
    pub(super) fn new(rows: usize, classes: usize) -> Self {
        let exponentials = vec![0.0; classes];
        Sum { classes, probabilities: vec![0.0; rows * classes], entropy: vec![0.0; rows], exponentials }
    }

    pub(super) fn add<T: Real>(&mut self, row: usize, logits: &[T]) {
        let max = logits.iter().map(|x| x.to_f64()).fold(f64::NEG_INFINITY, f64::max);
        self.exponentials.iter_mut().zip(logits).for_each(|(e, x)| *e = (x.to_f64() - max).exp());
        let total: f64 = self.exponentials.iter().sum();
        let sums = &mut self.probabilities[row * self.classes..][..self.classes];
        let mut of_logits = 0.0;
        for ((sum, x), e) in sums.iter_mut().zip(logits).zip(&self.exponentials) {
            let p = e / total;
            *sum += p;
            // 0 ln 0 = 0.
            of_logits += if p > 0.0 { p * (x.to_f64() - max) } else { 0.0 };
        }
        self.entropy[row] += total.ln() - of_logits;
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
