//! Rows of the parts of a data set: splits, stratified splits, folds, and samples by weight.

use super::{DataError, shuffle};
use crate::engine::Key;

/// # Errors
/// [`DataError::Rows`] if there are no rows, or one is out of range.
pub(crate) fn check(rows: &[usize], len: usize) -> Result<(), DataError> {
    let problem = match rows.iter().position(|&row| row >= len) {
        Some(at) => format!("row {} (from 0) was chosen, but there are {len} rows", rows[at]),
        None if rows.is_empty() => "no rows were chosen; a data set needs at least one".to_owned(),
        None => return Ok(()),
    };
    Err(DataError::Rows { problem })
}

/// The rows of two random parts. The seed gives the same rows as `Examples::split`.
pub(crate) fn split(rows: usize, fraction: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    let first = (fraction * rows as f64).round();
    // Written so that NaN fails too.
    if !(first >= 1.0 && first <= (rows - 1) as f64) {
        return Err(DataError::Split { rows, fraction });
    }
    let mut order: Vec<usize> = (0..rows).collect();
    shuffle(&mut order, Key::new(seed).at("split"));
    let second = order.split_off(first as usize);
    Ok((order, second))
}

/// The rows of two random parts with the same shares of each label.
///
/// Each class is shuffled and split by itself, with a rounded number of rows in the first part.
pub(crate) fn split_stratified(
    labels: &[usize],
    fraction: f64,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    let key = Key::new(seed).at("stratified");
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (class, mut rows) in by_label(labels) {
        shuffle(&mut rows, key.step(class));
        let most = (fraction * rows.len() as f64).round().clamp(0.0, rows.len() as f64) as usize;
        first.extend(&rows[..most]);
        second.extend(&rows[most..]);
    }
    if first.is_empty() || second.is_empty() || !(fraction > 0.0 && fraction < 1.0) {
        return Err(DataError::Split { rows: labels.len(), fraction });
    }
    // Rows are not sorted by class, so that a range of a part has all classes.
    shuffle(&mut first, key.at("first"));
    shuffle(&mut second, key.at("second"));
    Ok((first, second))
}

/// The rows of each label that occurs, in the labels' order.
pub(crate) fn by_label(labels: &[usize]) -> Vec<(usize, Vec<usize>)> {
    let mut rows: Vec<usize> = (0..labels.len()).collect();
    rows.sort_by_key(|&row| labels[row]);
    rows.chunk_by(|&a, &b| labels[a] == labels[b]).map(|rows| (labels[rows[0]], rows.to_vec())).collect()
}

/// Pairs of rows to train on and rows to validate on.
pub(crate) struct Folds {
    order: Vec<usize>,
    k: usize,
    next: usize,
}

impl Folds {
    pub(crate) fn new(rows: usize, k: usize, seed: u64) -> Result<Folds, DataError> {
        if !(2..=rows).contains(&k) {
            let problem = format!("{rows} rows cannot be parted into {k} folds; use 2 to {rows}");
            return Err(DataError::Rows { problem });
        }
        let mut order: Vec<usize> = (0..rows).collect();
        shuffle(&mut order, Key::new(seed).at("folds"));
        Ok(Folds { order, k, next: 0 })
    }
}

impl Iterator for Folds {
    type Item = (Vec<usize>, Vec<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.k {
            return None;
        }
        // Sizes differ by at most one.
        let start = |fold: usize| fold * (self.order.len() / self.k) + fold.min(self.order.len() % self.k);
        let (start, end) = (start(self.next), start(self.next + 1));
        self.next += 1;
        let train = self.order[..start].iter().chain(&self.order[end..]).copied().collect();
        Some((train, self.order[start..end].to_vec()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.k - self.next, Some(self.k - self.next))
    }
}

impl ExactSizeIterator for Folds {}

/// The label that a number is, if it is whole and not negative.
pub(crate) fn label(number: f64) -> Option<usize> {
    // Above this a double does not tell whole numbers apart.
    const LARGEST: f64 = (1u64 << 53) as f64;
    ((0.0..=LARGEST).contains(&number) && number.fract() == 0.0).then_some(number as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_validated_on_once_and_trained_on_otherwise() {
        for (rows, k) in [(10, 3), (7, 7), (2, 2), (100, 10)] {
            let mut validated = Vec::new();
            for (train, validation) in Folds::new(rows, k, 5).unwrap() {
                assert!(validation.len() == rows / k || validation.len() == rows / k + 1);
                let mut all = [&train[..], &validation].concat();
                all.sort_unstable();
                assert_eq!(all, (0..rows).collect::<Vec<_>>());
                validated.extend(validation);
            }
            assert!(rows < 10 || !validated.is_sorted(), "not shuffled");
            validated.sort_unstable();
            assert_eq!(validated, (0..rows).collect::<Vec<_>>());
        }
        for k in [0, 1, 11] {
            assert!(Folds::new(10, k, 1).is_err(), "{k}");
        }
    }

    #[test]
    fn each_class_has_its_share_in_both_parts() {
        let labels: Vec<usize> = (0..200).map(|i| usize::from(i % 10 == 0) + 2 * usize::from(i % 50 == 1)).collect();
        let (first, second) = split_stratified(&labels, 0.75, 3).unwrap();
        let count = |rows: &[usize], label| rows.iter().filter(|&&row| labels[row] == label).count();
        for label in [0, 1, 2] {
            let all = labels.iter().filter(|&&other| other == label).count();
            assert_eq!(count(&first, label), (0.75 * all as f64).round() as usize);
            assert_eq!(count(&first, label) + count(&second, label), all);
        }
        assert!(!first.is_sorted_by_key(|&row| labels[row]));
        for fraction in [0.0, 1.0, 1e-9, -1.0, 2.0, f64::NAN] {
            assert!(split_stratified(&labels, fraction, 3).is_err(), "{fraction}");
        }
    }

    #[test]
    fn only_whole_numbers_from_zero_are_labels() {
        for (number, expected) in [(0.0, Some(0)), (-0.0, Some(0)), (7.0, Some(7))] {
            assert_eq!(label(number), expected);
        }
        for number in [-1.0, 2.5, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(label(number), None, "{number}");
        }
    }
}
