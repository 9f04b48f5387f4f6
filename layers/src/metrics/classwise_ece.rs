//! Classwise calibration error: the ECE of every class's probability.

use super::probability_rows::{check_labelled, labelled};
use super::reliability::{Reliability, check_bins};
use crate::engine::Real;

/// The mean over classes of the calibration error of p_c against 1\[label = c\], with the bins of [`ece`](super::ece):
/// it measures all probabilities, not only the largest.
///
/// Kull et al. 2019, *Beyond temperature scaling*.
///
/// `probabilities` (N, C) row-major, `labels` N.
///
/// # Panics
/// If the sizes do not fit, a label is out of range, a row is not a distribution or `bins` is 0.
#[track_caller]
pub fn classwise_ece<T: Real>(probabilities: &[T], classes: usize, labels: &[usize], bins: usize) -> f64 {
    check_labelled("classwise_ece", probabilities, classes, labels);
    check_bins("classwise_ece", bins);
    let of_class = |class: usize| {
        let events =
            labelled(probabilities, classes, labels).map(move |(row, label)| (row[class].to_f64(), label == class));
        Reliability::of(bins, events).ece()
    };
    (0..classes).map(of_class).sum::<f64>() / classes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_over_classes() {
        let probabilities = [0.75, 0.25, 0.125, 0.875];
        let by_hand = 0.5 * 0.25 + 0.5 * 0.125;
        assert!((classwise_ece(&probabilities, 2, &[0, 1], 10) - by_hand).abs() < 1e-15);
    }
}
