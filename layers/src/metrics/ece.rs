//! Expected and maximum calibration error.

use super::probability_rows::check_labelled;
use super::reliability::{Reliability, check_bins, events};
use crate::engine::Real;

/// The expected calibration error with B right-closed bins of equal width over the top probability:
/// Σ_b n_b/N |accuracy_b − confidence_b|, 0 to 1; empty bins contribute nothing.
///
/// Guo, Pleiss, Sun and Weinberger 2017, *On Calibration of Modern Neural Networks*, eq. 3 (after Naeini, Cooper and
/// Hauskrecht 2015). [`Reliability`] has the table behind it.
///
/// `probabilities` (N, C) row-major, `labels` N.
///
/// # Panics
/// If the sizes do not fit, a label is out of range, a row is not a distribution or `bins` is 0.
#[track_caller]
pub fn ece<T: Real>(probabilities: &[T], classes: usize, labels: &[usize], bins: usize) -> f64 {
    check_labelled("ece", probabilities, classes, labels);
    check_bins("ece", bins);
    Reliability::of(bins, events(probabilities, classes, labels)).ece()
}

/// The maximum calibration error: the largest |accuracy_b − confidence_b| of a bin that is not
/// empty, with the bins of [`ece`]. Guo et al. 2017, eq. 5.
///
/// # Panics
/// If the sizes do not fit, a label is out of range, a row is not a distribution or `bins` is 0.
#[track_caller]
pub fn mce<T: Real>(probabilities: &[T], classes: usize, labels: &[usize], bins: usize) -> f64 {
    check_labelled("mce", probabilities, classes, labels);
    check_bins("mce", bins);
    Reliability::of(bins, events(probabilities, classes, labels)).mce()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Three at 0.75 of which two are right, one at 0.55 that is wrong; ten bins.
    const PROBABILITIES: [f64; 8] = [0.75, 0.25, 0.25, 0.75, 0.75, 0.25, 0.55, 0.45];
    const LABELS: [usize; 4] = [0, 1, 1, 1];

    #[test]
    fn gaps_are_weighted_by_the_examples_in_the_bin() {
        let by_hand = 0.75 * (0.75 - 2.0 / 3.0) + 0.25 * 0.55;
        assert!((ece(&PROBABILITIES, 2, &LABELS, 10) - by_hand).abs() < 1e-15);
    }

    #[test]
    fn the_maximum_is_the_worst_bin() {
        assert!((mce(&PROBABILITIES, 2, &LABELS, 10) - 0.55).abs() < 1e-15);
    }
}
