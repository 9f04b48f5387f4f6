//! The negative log-likelihood of the labels.

use super::probability_rows::{check_labelled, labelled};
use crate::engine::Real;

/// The mean over examples of −ln p(label), in nats per example.
///
/// A label that the prediction holds impossible makes it infinite. The logarithmic score is strictly
/// proper: in expectation only the true distribution minimises it (Good 1952, *Rational Decisions*).
///
/// `probabilities` (N, C) row-major, `labels` N.
///
/// # Panics
/// If the sizes do not fit, a label is no class or a row is no distribution.
#[track_caller]
pub fn nll<T: Real>(probabilities: &[T], classes: usize, labels: &[usize]) -> f64 {
    check_labelled("nll", probabilities, classes, labels);
    let sum: f64 = labelled(probabilities, classes, labels).map(|(row, label)| -row[label].to_f64().ln()).sum();
    sum / labels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uniform_guess_costs_the_logarithm_of_the_classes() {
        assert!((nll(&[0.25f64; 8], 4, &[1, 3]) - 4f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn an_impossible_label_costs_infinitely_much() {
        assert_eq!(nll(&[1.0, 0.0], 2, &[1]), f64::INFINITY);
    }
}
