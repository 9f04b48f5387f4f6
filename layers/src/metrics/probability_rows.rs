//! Checks of probability tables that all metrics share, confidence, and the mean over draws.

use crate::engine::Real;

/// The tolerance of a row's sum: many times the rounding of `f32`, and far less than the error of logits or a
/// transposed table.
const SUM_TOLERANCE: f64 = 1e-3;

/// The probability of each row's most probable class: (N, C) to N.
///
/// # Panics
/// If `probabilities` are not whole rows of `classes`, or a row is not a distribution.
#[track_caller]
pub fn confidence<T: Real>(probabilities: &[T], classes: usize) -> Vec<f64> {
    check_rows("confidence", probabilities, classes);
    probabilities.chunks_exact(classes).map(|row| top(row).1).collect()
}

/// The predictive distribution: the mean over S posterior draws, (S, N, C) to (N, C).
///
/// # Panics
/// If `probabilities` are not `draws` tables of whole rows, or a row is not a distribution.
#[track_caller]
pub fn mean_of_draws<T: Real>(probabilities: &[T], draws: usize, classes: usize) -> Vec<f64> {
    let size = check_draws("mean_of_draws", probabilities, draws, classes);
    let mut mean = vec![0.0; size];
    for draw in probabilities.chunks_exact(size) {
        for (sum, p) in mean.iter_mut().zip(draw) {
            *sum += p.to_f64();
        }
    }
    mean.iter_mut().for_each(|sum| *sum /= draws as f64);
    mean
}

/// The most probable class, the first on ties, and its probability.
pub(super) fn top<T: Real>(row: &[T]) -> (usize, f64) {
    let mut best = 0;
    for (class, p) in row.iter().enumerate() {
        if *p > row[best] {
            best = class;
        }
    }
    (best, row[best].to_f64())
}

/// Each row's distribution and its label.
pub(super) fn labelled<'a, T: Real>(
    probabilities: &'a [T],
    classes: usize,
    labels: &'a [usize],
) -> impl Iterator<Item = (&'a [T], usize)> {
    probabilities.chunks_exact(classes).zip(labels.iter().copied())
}

/// Panics unless there is one label per row, each label is in range, and each row is a distribution.
#[track_caller]
pub(super) fn check_labelled<T: Real>(metric: &str, probabilities: &[T], classes: usize, labels: &[usize]) {
    let rows = check_rows(metric, probabilities, classes);
    assert!(rows == labels.len(), "{metric}: {rows} rows of {classes} probabilities, but {} labels", labels.len());
    for (row, &label) in labels.iter().enumerate() {
        assert!(
            label < classes,
            "{metric}: label {label} of row {row} (from 0) is out of range for {classes} classes, 0 to {}",
            classes - 1
        );
    }
}

/// Panics unless these are `draws` equal tables of distributions. Returns the size of one table.
#[track_caller]
pub(super) fn check_draws<T: Real>(metric: &str, probabilities: &[T], draws: usize, classes: usize) -> usize {
    let rows = check_rows(metric, probabilities, classes);
    assert!(
        draws > 0 && rows.is_multiple_of(draws),
        "{metric}: {rows} rows of {classes} probabilities cannot be divided into {draws} draws"
    );
    rows / draws * classes
}

/// Panics unless these are whole rows, at least one, each a distribution. Returns the number of rows.
#[track_caller]
pub(super) fn check_rows<T: Real>(metric: &str, probabilities: &[T], classes: usize) -> usize {
    assert!(classes > 0, "{metric}: a distribution over 0 classes");
    assert!(!probabilities.is_empty(), "{metric}: no examples");
    assert!(
        probabilities.len().is_multiple_of(classes),
        "{metric}: {} probabilities are not whole rows of {classes} classes",
        probabilities.len()
    );
    for (row, values) in probabilities.chunks_exact(classes).enumerate() {
        let sum: f64 = values.iter().map(|p| p.to_f64()).sum();
        // Written so that NaN fails too.
        let sums_to_one = (sum - 1.0).abs() <= SUM_TOLERANCE;
        let shown = &values[..values.len().min(10)];
        assert!(
            sums_to_one,
            "{metric}: row {row} (from 0) does not sum to 1 (sum {sum}): {shown:?}; pass probabilities over {classes} \
             classes, not logits"
        );
        let has_negative = values.iter().any(|p| *p < T::ZERO);
        assert!(!has_negative, "{metric}: row {row} (from 0) has a negative probability: {shown:?}");
    }
    probabilities.len() / classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_class_wins_a_tie() {
        assert_eq!(top(&[0.25, 0.5, 0.25]), (1, 0.5));
        assert_eq!(top(&[0.1, 0.45, 0.45]), (1, 0.45));
        assert_eq!(top(&[0.5f32, 0.5]), (0, 0.5));
    }

    #[test]
    fn the_mean_is_taken_over_the_outermost_axis() {
        let two_draws = [1.0, 0.0, 0.5, 0.5, /* */ 0.5, 0.5, 0.0, 1.0];
        assert_eq!(mean_of_draws(&two_draws, 2, 2), [0.75, 0.25, 0.25, 0.75]);
    }

    #[test]
    #[should_panic(expected = "nll: 5 probabilities are not whole rows of 2 classes")]
    fn an_incomplete_row_is_refused() {
        check_rows("nll", &[0.5; 5], 2);
    }

    #[test]
    #[should_panic(expected = "nll: 3 rows of 2 probabilities, but 4 labels")]
    fn an_extra_label_is_refused() {
        check_labelled("nll", &[0.5; 6], 2, &[0; 4]);
    }

    #[test]
    #[should_panic(expected = "nll: label 2 of row 1 (from 0) is out of range for 2 classes, 0 to 1")]
    fn a_label_out_of_range_is_refused() {
        check_labelled("nll", &[0.5; 4], 2, &[0, 2]);
    }

    #[test]
    #[should_panic(expected = "row 1 (from 0) does not sum to 1 (sum 5): [2.0, 3.0]")]
    fn logits_are_refused() {
        check_rows("nll", &[0.5, 0.5, 2.0, 3.0], 2);
    }

    #[test]
    #[should_panic(expected = "row 0 (from 0) does not sum to 1 (sum NaN)")]
    fn a_nan_is_refused() {
        check_rows("nll", &[f32::NAN, 0.5], 2);
    }

    #[test]
    #[should_panic(expected = "row 0 (from 0) has a negative probability")]
    fn a_negative_probability_is_refused() {
        check_rows("nll", &[1.5, -0.5], 2);
    }

    #[test]
    #[should_panic(expected = "mean_of_draws: 4 rows of 2 probabilities cannot be divided into 3 draws")]
    fn draws_of_unequal_size_are_refused() {
        mean_of_draws(&[0.5; 8], 3, 2);
    }

    #[test]
    #[should_panic(expected = "nll: no examples")]
    fn an_empty_table_is_refused() {
        check_rows::<f64>("nll", &[], 2);
    }
}
