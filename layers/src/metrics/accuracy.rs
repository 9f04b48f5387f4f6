//! Classification accuracy and error rate.

use super::probability_rows::{check_labelled, labelled, top};
use crate::engine::Real;

/// The share of examples whose most probable class (the first on ties) is their label, 0 to 1.
///
/// `probabilities` (N, C) row-major, `labels` N.
///
/// # Panics
/// If the sizes do not fit, a label is out of range or a row is not a distribution.
#[track_caller]
pub fn accuracy<T: Real>(probabilities: &[T], classes: usize, labels: &[usize]) -> f64 {
    check_labelled("accuracy", probabilities, classes, labels);
    right(probabilities, classes, labels) as f64 / labels.len() as f64
}

/// The share of examples whose most probable class (the first on ties) is not their label, 0 to 1.
///
/// `probabilities` (N, C) row-major, `labels` N.
///
/// # Panics
/// If the sizes do not fit, a label is out of range or a row is not a distribution.
#[track_caller]
pub fn error<T: Real>(probabilities: &[T], classes: usize, labels: &[usize]) -> f64 {
    check_labelled("error", probabilities, classes, labels);
    // Counted, not 1 - accuracy, so that 1 wrong of 3 is the double nearest to 1/3.
    (labels.len() - right(probabilities, classes, labels)) as f64 / labels.len() as f64
}

fn right<T: Real>(probabilities: &[T], classes: usize, labels: &[usize]) -> usize {
    labelled(probabilities, classes, labels).filter(|(row, label)| top(row).0 == *label).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_goes_to_the_first_class() {
        assert_eq!(accuracy(&[0.5, 0.5], 2, &[0]), 1.0);
        assert_eq!(accuracy(&[0.5, 0.5], 2, &[1]), 0.0);
    }

    #[test]
    fn error_is_one_minus_accuracy() {
        let probabilities = [0.9f32, 0.1, 0.2, 0.8, 0.3, 0.7, 0.6, 0.4];
        assert_eq!(accuracy(&probabilities, 2, &[0, 1, 0, 0]), 0.75);
        assert_eq!(error(&probabilities, 2, &[0, 1, 0, 0]), 0.25);
    }
}
