//! Adaptive calibration error: ECE over groups of equal size.

use super::probability_rows::check_labelled;
use super::reliability::{Bin, check_bins, events, weighted_gap};
use crate::engine::Real;

/// The adaptive calibration error: the ECE over groups of equal size instead of bins of equal width.
///
/// The examples are sorted by their top probability (ties stay in their order) and cut into `groups` consecutive
/// groups; the first N mod `groups` groups have one example more. The gaps |accuracy − confidence| of the groups are
/// weighted by their sizes. All groups are equally populated even if most confidences are near 1, as for
/// neural networks.
/// Nguyen and O'Connor 2015, *Posterior calibration and exploratory analysis*; the name
/// is that of Nixon et al. 2019, *Measuring Calibration in Deep Learning*.
///
/// `probabilities` (N, C) row-major, `labels` N.
///
/// # Panics
/// If the sizes do not fit, a label is out of range, a row is not a distribution or `groups` is 0.
#[track_caller]
pub fn adaptive_ece<T: Real>(probabilities: &[T], classes: usize, labels: &[usize], groups: usize) -> f64 {
    check_labelled("adaptive_ece", probabilities, classes, labels);
    check_bins("adaptive_ece", groups);
    let mut sorted: Vec<(f64, bool)> = events(probabilities, classes, labels).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (size, longer) = (sorted.len() / groups, sorted.len() % groups);
    let start = |group: usize| group * size + group.min(longer);
    let bins = (0..groups).map(|g| Bin::of(sorted[start(g)..start(g + 1)].iter().copied()));
    weighted_gap(bins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_groups_take_the_remainder() {
        // Sorted confidences 0.6 0.7 | 0.8 in two groups; right, wrong | right.
        let probabilities = [0.7, 0.3, 0.8, 0.2, 0.6, 0.4];
        let by_hand = 2.0 / 3.0 * (0.65 - 0.5) + 1.0 / 3.0 * 0.2;
        assert!((adaptive_ece(&probabilities, 2, &[1, 0, 0], 2) - by_hand).abs() < 1e-15);
    }

    #[test]
    fn more_groups_than_examples_leave_some_empty() {
        assert!((adaptive_ece(&[0.75, 0.25], 2, &[0], 10) - 0.25).abs() < 1e-15);
    }
}
