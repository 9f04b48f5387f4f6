//! The quantile of calibration scores that covers a new one, for a finite number of them.

use crate::calibration::CalibrationError;

/// (n + 1)(1 − α) may round to a little more than a whole number that it should be.
const ROUNDING: f64 = 1e-9;

/// The least number of calibration examples for which sets and intervals of miscoverage `alpha` are finite: ⌈1/α⌉ − 1. With
/// fewer, only the set of all classes, or (−∞, ∞), has the coverage.
///
/// ```
/// assert_eq!(elbo::calibration::smallest_calibration_set(0.1), 9);
/// ```
///
/// # Panics
/// If `alpha` is not between 0 and 1.
#[track_caller]
pub fn smallest_calibration_set(alpha: f64) -> usize {
    assert!(alpha > 0.0 && alpha < 1.0, "smallest_calibration_set: alpha must be between 0 and 1, got {alpha}");
    ((1.0 / alpha) * (1.0 - ROUNDING)).ceil() as usize - 1
}

/// The ⌈(n + 1)(1 − α)⌉-th smallest of n scores, which a further exchangeable score exceeds with probability α at most (Vovk,
/// Gammerman and Shafer 2005; Lei et al. 2018, eq. 2); ∞ if there are too few scores.
pub(super) fn threshold(mut scores: Vec<f64>, alpha: f64) -> f64 {
    let place = ((scores.len() + 1) as f64 * (1.0 - alpha) * (1.0 - ROUNDING)).ceil() as usize;
    if place > scores.len() {
        return f64::INFINITY;
    }
    *scores.select_nth_unstable_by(place.max(1) - 1, f64::total_cmp).1
}

/// # Errors
/// If `alpha` is not between 0 and 1.
pub(super) fn check_alpha(what: &str, alpha: f64) -> Result<(), CalibrationError> {
    if alpha > 0.0 && alpha < 1.0 {
        return Ok(());
    }
    Err(CalibrationError::Options(format!(
        "{what}: alpha, the share of targets that may be missed, must be between 0 and 1, got {alpha}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_that_of_whole_numbers() {
        let of = |n: u32, alpha| threshold((1..=n).rev().map(f64::from).collect(), alpha);
        for (n, percent) in (1..400u32).flat_map(|n| (1..100).map(move |percent| (n, percent))) {
            // ⌈(n + 1)(100 − percent)/100⌉ in whole numbers.
            let place = ((n + 1) * (100 - percent)).div_ceil(100);
            let expected = if place > n { f64::INFINITY } else { f64::from(place) };
            assert_eq!(of(n, f64::from(percent) / 100.0), expected, "{n} {percent}");
            let is_enough = n as usize >= smallest_calibration_set(f64::from(percent) / 100.0);
            assert_eq!(is_enough, expected.is_finite(), "{n} {percent}");
        }
    }
}
