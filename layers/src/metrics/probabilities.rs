//! `Probabilities`: predicted class probabilities averaged over posterior draws, with classification metrics as
//! methods.

use super::mutual_information::information;
use super::probability_rows::{check_labelled, check_rows, labelled, top};
use super::{Reliability, accuracy, brier, ece, entropy, error};
use crate::distribution::uniform::uniform;
use crate::engine::Key;
use crate::predictive::Predictive;

/// Predictive class probabilities of N examples, averaged over posterior draws, with the mean entropy of the draws. The
/// metrics here need no more than that; [`variation_ratio`](super::variation_ratio) and [`draw_sd`](super::draw_sd)
/// need the draws themselves: see [`Predict::outputs`](crate::Predict::outputs).
#[derive(Clone, Debug, PartialEq)]
pub struct Probabilities {
    mean: Vec<f64>,
    expected_entropy: Vec<f64>,
    classes: usize,
    draws: usize,
    /// The axes of an example's distributions: empty if it has one distribution.
    axes: Vec<usize>,
    /// ln of means that underflow, by their index, in order.
    logarithms: Vec<(usize, f64)>,
}

impl Probabilities {
    /// `mean` is (N, C) row-major, the mean of the class probabilities over `draws` draws; `expected_entropy` is the
    /// mean over draws of each example's entropy, in nats.
    ///
    /// # Panics
    /// If the sizes do not fit, a row is not a distribution or `draws` is 0.
    #[track_caller]
    pub fn new(mean: Vec<f64>, expected_entropy: Vec<f64>, classes: usize, draws: usize) -> Self {
        let rows = check_rows("Probabilities::new", &mean, classes);
        assert!(
            rows == expected_entropy.len(),
            "Probabilities::new: {rows} rows of {classes} probabilities, but {} entropies; every row needs one",
            expected_entropy.len()
        );
        assert!(draws > 0, "Probabilities::new: a mean over 0 draws");
        Probabilities { mean, expected_entropy, classes, draws, axes: Vec::new(), logarithms: Vec::new() }
    }

    /// Sets the axes of each example's distributions.
    pub(crate) fn with_axes(self, axes: &[usize]) -> Self {
        Probabilities { axes: axes.to_vec(), ..self }
    }

    /// Sets the logarithms of means that underflow, in the order of their index.
    pub(crate) fn with_logarithms(self, logarithms: Vec<(usize, f64)>) -> Self {
        Probabilities { logarithms, ..self }
    }

    /// The shape of the distributions: (examples, ..), with the axes of the model's output between the first and that
    /// of the classes. Results per example, here and below, are per distribution, in the order of this shape.
    pub fn shape(&self) -> Vec<usize> {
        let each: usize = self.axes.iter().product();
        [self.len() / each].into_iter().chain(self.axes.iter().copied()).collect()
    }

    /// The number of distributions, which is the number of examples if each has one.
    #[expect(clippy::len_without_is_empty, reason = "a prediction of no examples cannot be made")]
    pub fn len(&self) -> usize {
        self.expected_entropy.len()
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The number of posterior draws in the mean.
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// The probabilities, (N, C) row-major.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// One example's probabilities.
    ///
    /// # Panics
    /// If `example` is out of range.
    #[track_caller]
    pub fn row(&self, example: usize) -> &[f64] {
        assert!(
            example < self.len(),
            "Probabilities::row: example {example} (from 0) is out of range for {} examples",
            self.len()
        );
        &self.mean[example * self.classes..][..self.classes]
    }

    /// These examples, in this order.
    ///
    /// # Panics
    /// If there are none, or one is out of range.
    #[track_caller]
    pub(super) fn selected(&self, rows: &[usize]) -> Self {
        assert!(!rows.is_empty(), "select: no rows");
        let (each, examples) = (self.axes.iter().product::<usize>(), self.shape()[0]);
        let mut selected = Probabilities {
            mean: Vec::with_capacity(rows.len() * each * self.classes),
            expected_entropy: Vec::with_capacity(rows.len() * each),
            logarithms: Vec::new(),
            axes: self.axes.clone(),
            ..*self
        };
        let size = each * self.classes;
        for &row in rows {
            assert!(row < examples, "select: row {row} (from 0) is out of range for {examples} rows");
            let (from, to) = (row * size, selected.mean.len());
            let first = self.logarithms.partition_point(|(place, _)| *place < from);
            let own = self.logarithms[first..].iter().take_while(|(place, _)| *place < from + size);
            selected.logarithms.extend(own.map(|(place, ln)| (place - from + to, *ln)));
            selected.mean.extend_from_slice(&self.mean[from..][..size]);
            selected.expected_entropy.extend_from_slice(&self.expected_entropy[row * each..][..each]);
        }
        selected
    }

    /// Each example's most probable class, the first on ties.
    pub fn labels(&self) -> Vec<usize> {
        self.mean.chunks_exact(self.classes).map(|row| top(row).0).collect()
    }

    /// `count` samples of the labels, (count, N), from the predictive probabilities.
    ///
    /// # Panics
    /// If `count` is 0.
    #[track_caller]
    pub fn samples(&self, count: usize, key: Key) -> Vec<usize> {
        assert!(count > 0, "samples: at least one sample is needed, got 0");
        let samples = (0..count).flat_map(|sample| {
            let noise = key.at("samples").draw(sample).philox();
            self.mean.chunks_exact(self.classes).enumerate().map(move |(row, of_row)| {
                let mut left = uniform(&noise, row);
                let chosen = of_row.iter().position(|p| {
                    left -= p;
                    left < 0.0
                });
                // Because of rounding, the probabilities may sum to less than 1.
                chosen.unwrap_or_else(|| of_row.iter().rposition(|&p| p > 0.0).unwrap_or(0))
            })
        });
        samples.collect()
    }

    /// The share of examples predicted right: [`accuracy`].
    ///
    /// # Panics
    /// If there is not one label per example, or a label is out of range. All metrics below panic likewise.
    #[track_caller]
    pub fn accuracy(&self, labels: &[usize]) -> f64 {
        accuracy(&self.mean, self.classes, labels)
    }

    /// The share of examples predicted wrong: [`error`].
    #[track_caller]
    pub fn error(&self, labels: &[usize]) -> f64 {
        error(&self.mean, self.classes, labels)
    }

    /// The negative log-likelihood in nats per example, as [`nll`](super::nll); finite even for labels whose
    /// probability underflows: for logits (800, 0) and label 1 it is 800.
    #[track_caller]
    pub fn nll(&self, labels: &[usize]) -> f64 {
        check_labelled("nll", &self.mean, self.classes, labels);
        let each = labels.iter().enumerate().map(|(row, &label)| -self.log_probability(row * self.classes + label));
        each.sum::<f64>() / labels.len() as f64
    }

    /// ln of the mean probability at this index.
    pub(crate) fn log_probability(&self, place: usize) -> f64 {
        let known = self.logarithms.binary_search_by_key(&place, |&(place, _)| place);
        known.map_or_else(|_| self.mean[place].ln(), |at| self.logarithms[at].1)
    }

    /// The Brier score, 0 to 2: [`brier`].
    #[track_caller]
    pub fn brier(&self, labels: &[usize]) -> f64 {
        brier(&self.mean, self.classes, labels)
    }

    /// The expected calibration error: [`ece`].
    #[track_caller]
    pub fn ece(&self, labels: &[usize], bins: usize) -> f64 {
        ece(&self.mean, self.classes, labels, bins)
    }

    /// The reliability table: accuracy against confidence, in bins of confidence.
    #[track_caller]
    pub fn reliability(&self, labels: &[usize], bins: usize) -> Reliability {
        Reliability::new(&self.mean, self.classes, labels, bins)
    }

    /// Each example's predictive entropy in nats: [`entropy`].
    pub fn entropy(&self) -> Vec<f64> {
        entropy(&self.mean, self.classes)
    }

    /// Each example's entropy in nats, averaged over the draws.
    pub fn expected_entropy(&self) -> &[f64] {
        &self.expected_entropy
    }

    /// Each example's [mutual information](super::mutual_information) of label and weights, in nats.
    pub fn mutual_information(&self) -> Vec<f64> {
        information(&self.mean, &self.expected_entropy, self.classes)
    }

    /// The mean predictive entropy in nats of the examples predicted right, and of those predicted wrong; `None` if
    /// there are none. A well-calibrated model has a larger entropy on the wrong ones.
    #[track_caller]
    pub fn entropy_split(&self, labels: &[usize]) -> (Option<f64>, Option<f64>) {
        check_labelled("entropy_split", &self.mean, self.classes, labels);
        let mut sums = [(0usize, 0.0); 2];
        for ((row, label), entropy) in labelled(&self.mean, self.classes, labels).zip(self.entropy()) {
            let (count, sum) = &mut sums[usize::from(top(row).0 != label)];
            *count += 1;
            *sum += entropy;
        }
        let [right, wrong] = sums.map(|(count, sum)| (count > 0).then(|| sum / count as f64));
        (right, wrong)
    }
}

impl Predictive for Probabilities {
    fn join(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut all = parts.next().expect("there is a part");
        for rows in parts {
            let same = (all.classes, all.draws, &all.axes) == (rows.classes, rows.draws, &rows.axes);
            assert!(same, "Probabilities: cannot join predictions with different classes, draws or axes");
            let before = all.mean.len();
            all.logarithms.extend(rows.logarithms.into_iter().map(|(place, ln)| (before + place, ln)));
            all.mean.extend(rows.mean);
            all.expected_entropy.extend(rows.expected_entropy);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_examples() -> Probabilities {
        Probabilities::new(vec![1.0, 0.0, 0.5, 0.5], vec![0.0, 0.25], 2, 8)
    }

    #[test]
    fn entropy_is_split_by_right_and_wrong_predictions() {
        let p = two_examples();
        assert_eq!(p.entropy_split(&[0, 1]), (Some(0.0), Some(2f64.ln())));
        assert_eq!(p.entropy_split(&[0, 0]), (Some(2f64.ln() / 2.0), None));
        assert_eq!(p.entropy_split(&[1, 1]), (None, Some(2f64.ln() / 2.0)));
    }

    #[test]
    fn mutual_information_is_predictive_minus_expected_entropy() {
        assert_eq!(two_examples().mutual_information(), [0.0, 2f64.ln() - 0.25]);
    }

    #[test]
    fn a_row_is_one_example() {
        assert_eq!(two_examples().row(1), [0.5, 0.5]);
        assert_eq!(two_examples().labels(), [0, 0]);
    }

    #[test]
    #[should_panic(expected = "2 rows of 2 probabilities, but 3 labels")]
    fn an_extra_label_is_refused() {
        two_examples().accuracy(&[0; 3]);
    }

    #[test]
    #[should_panic(expected = "1 rows of 2 probabilities, but 2 entropies")]
    fn an_extra_entropy_is_refused() {
        Probabilities::new(vec![0.5, 0.5], vec![0.0; 2], 2, 1);
    }
}
