//! The negative log-likelihood of the labels.

use super::probability_rows::{check_labelled, labelled};
use crate::engine::Real;

/// The mean over examples of −ln p(label), in nats per example.
///
/// It is infinite if a label has probability 0. The logarithmic score is strictly proper: in expectation only the true
/// distribution minimises it (Good 1952, *Rational Decisions*).
///
/// `probabilities` (N, C) row-major, `labels` N.
///
/// # Panics
/// If the sizes do not fit, a label is out of range or a row is not a distribution.
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
    fn a_uniform_guess_has_an_nll_of_ln_c() {
        assert!((nll(&[0.25f64; 8], 4, &[1, 3]) - 4f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn a_label_of_probability_zero_has_an_infinite_nll() {
        assert_eq!(nll(&[1.0, 0.0], 2, &[1]), f64::INFINITY);
    }
}
