//! Predictive entropy, and the expected entropy over draws (aleatoric uncertainty).

use super::probability_rows::{check_draws, check_rows};
use crate::engine::Real;

/// Each row's entropy −Σ_c p_c ln p_c in nats, 0 to ln C: (N, C) to N.
///
/// For a mean over posterior draws this is the *predictive entropy*, the total uncertainty.
///
/// # Panics
/// If `probabilities` are not whole rows of `classes`, or a row is not a distribution.
#[track_caller]
pub fn entropy<T: Real>(probabilities: &[T], classes: usize) -> Vec<f64> {
    check_rows("entropy", probabilities, classes);
    probabilities.chunks_exact(classes).map(entropy_of).collect()
}

/// The mean over S posterior draws of each example's entropy in nats: (S, N, C) to N.
///
/// This is the aleatoric part of the uncertainty, which would remain if the weights were known. The rest of the
/// predictive entropy is the [mutual information](super::mutual_information).
///
/// # Panics
/// If `probabilities` are not `draws` tables of whole rows, or a row is not a distribution.
#[track_caller]
pub fn expected_entropy<T: Real>(probabilities: &[T], draws: usize, classes: usize) -> Vec<f64> {
    let size = check_draws("expected_entropy", probabilities, draws, classes);
    mean_entropy(probabilities, size, classes)
}

/// The mean over tables of `size` elements of each row's entropy.
pub(super) fn mean_entropy<T: Real>(probabilities: &[T], size: usize, classes: usize) -> Vec<f64> {
    let mut mean = vec![0.0; size / classes];
    for draw in probabilities.chunks_exact(size) {
        for (sum, row) in mean.iter_mut().zip(draw.chunks_exact(classes)) {
            *sum += entropy_of(row);
        }
    }
    let draws = (probabilities.len() / size) as f64;
    mean.iter_mut().for_each(|sum| *sum /= draws);
    mean
}

/// The entropy of one row, with 0 ln 0 = 0.
pub(super) fn entropy_of<T: Real>(row: &[T]) -> f64 {
    let positive = row.iter().map(|p| p.to_f64()).filter(|&p| p > 0.0);
    // Adding 0 turns the -0 of a deterministic row into 0.
    positive.map(|p| -p * p.ln()).sum::<f64>() + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_zero_for_certainty_and_ln_c_for_a_uniform_row() {
        assert_eq!(entropy(&[0.0, 1.0, 0.0], 3), [0.0]);
        assert!(entropy(&[1.0, 0.0], 2)[0].is_sign_positive());
        assert!((entropy(&[0.25f64; 4], 4)[0] - 4f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn expected_entropy_of_certain_draws_that_disagree_is_zero() {
        assert_eq!(expected_entropy(&[1.0, 0.0, 0.0, 1.0], 2, 2), [0.0]);
    }
}
