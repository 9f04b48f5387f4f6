//! The Brier score.

use super::probability_rows::{check_labelled, labelled};
use crate::engine::Real;

/// The mean over examples of Σ_c (p_c − 1\[c = label\])², from 0 (certain and right) to 2 (certain
/// and wrong).
///
/// Brier 1950, *Verification of forecasts expressed in terms of probability*: the original
/// score over all classes, not the halved one that is common for two.
///
/// `probabilities` (N, C) row-major, `labels` N.
///
/// # Panics
/// If the sizes do not fit, a label is out of range or a row is not a distribution.
#[track_caller]
pub fn brier<T: Real>(probabilities: &[T], classes: usize, labels: &[usize]) -> f64 {
    check_labelled("brier", probabilities, classes, labels);
    let sum: f64 = labelled(probabilities, classes, labels)
        .flat_map(|(row, label)| {
            row.iter().enumerate().map(move |(class, p)| {
                let happened = if class == label { 1.0 } else { 0.0 };
                (p.to_f64() - happened).powi(2)
            })
        })
        .sum();
    sum / labels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_from_zero_to_two() {
        assert_eq!(brier(&[0.0, 1.0], 2, &[1]), 0.0);
        assert_eq!(brier(&[0.0, 1.0], 2, &[0]), 2.0);
        assert_eq!(brier(&[0.5f32, 0.5], 2, &[0]), 0.5);
    }
}
