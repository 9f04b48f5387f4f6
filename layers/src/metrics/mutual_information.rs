//! Mutual information of label and weights (BALD): the epistemic uncertainty.

use super::entropy::{entropy_of, mean_entropy};
use super::probability_rows::{check_draws, mean_of_draws};
use crate::engine::Real;

/// Each example's mutual information between label and weights, in nats: the predictive entropy minus the expected
/// entropy, H\[E_w p\] − E_w H\[p\]. (S, N, C) to N.
///
/// This is the epistemic part of the uncertainty, which more data would reduce. Houlsby, Huszár, Ghahramani and Lengyel
/// 2011, *Bayesian Active Learning for Classification and Preference Learning*, eq. 2; Depeweg et al. 2018,
/// *Decomposition of Uncertainty in Bayesian Deep Learning*.
///
/// # Panics
/// If `probabilities` are not `draws` tables of whole rows, or a row is not a distribution.
#[track_caller]
pub fn mutual_information<T: Real>(probabilities: &[T], draws: usize, classes: usize) -> Vec<f64> {
    let size = check_draws("mutual_information", probabilities, draws, classes);
    let mean = mean_of_draws(probabilities, draws, classes);
    information(&mean, &mean_entropy(probabilities, size, classes), classes)
}

/// Predictive minus expected entropy of each row of the predictive `mean`.
pub(super) fn information(mean: &[f64], expected_entropy: &[f64], classes: usize) -> Vec<f64> {
    let predictive = mean.chunks_exact(classes).map(entropy_of);
    // The entropy is concave, so only rounding can make the difference negative.
    predictive.zip(expected_entropy).map(|(total, within)| (total - within).max(0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_that_agree_have_none() {
        assert_eq!(mutual_information(&[0.3, 0.7, 0.3, 0.7], 2, 2), [0.0]);
    }

    #[test]
    fn certain_draws_that_disagree_have_the_most() {
        assert!((mutual_information(&[1.0, 0.0, 0.0, 1.0], 2, 2)[0] - 2f64.ln()).abs() < 1e-15);
    }
}
