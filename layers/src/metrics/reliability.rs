//! Reliability tables (diagrams): accuracy against confidence in bins, and the calibration errors ECE and MCE.

use super::probability_rows::{check_labelled, labelled, top};
use crate::engine::Real;

/// A reliability table: accuracy against confidence in B bins of equal width over the probability of the most probable
/// class.
///
/// Bin b holds b/B < confidence ≤ (b+1)/B, so a confidence on an edge belongs to the lower bin.
/// Comparisons are made in `f64`: 0.6 as `f32` is a little more than 6/10.
/// Guo, Pleiss, Sun and Weinberger 2017, *On Calibration of Modern Neural Networks*, section 2.
#[derive(Clone, Debug, PartialEq)]
pub struct Reliability {
    bins: Vec<Bin>,
}

/// One row of a [`Reliability`] table. Both means are 0 in an empty bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// The number of examples whose confidence lies in the bin.
    pub count: usize,
    /// The share of them that was predicted right.
    pub accuracy: f64,
    /// Their mean confidence.
    pub confidence: f64,
}

impl Bin {
    /// |accuracy − confidence|.
    pub fn gap(&self) -> f64 {
        (self.accuracy - self.confidence).abs()
    }

    /// The bin of some events, each with its predicted probability and whether it happened.
    pub(super) fn of(events: impl IntoIterator<Item = (f64, bool)>) -> Bin {
        let mut sums = Bin::default();
        events.into_iter().for_each(|event| sums.add(event));
        sums.mean()
    }

    fn add(&mut self, (probability, happened): (f64, bool)) {
        self.count += 1;
        self.confidence += probability;
        self.accuracy += f64::from(u8::from(happened));
    }

    fn mean(self) -> Bin {
        let count = self.count.max(1) as f64;
        let (accuracy, confidence) = (self.accuracy / count, self.confidence / count);
        Bin { accuracy, confidence, ..self }
    }
}

impl Reliability {
    /// The table of predictions (N, C), row-major, with their N labels.
    ///
    /// # Panics
    /// If the sizes do not fit, a label is out of range, a row is not a distribution or `bins` is 0.
    #[track_caller]
    pub fn new<T: Real>(probabilities: &[T], classes: usize, labels: &[usize], bins: usize) -> Reliability {
        check_labelled("Reliability", probabilities, classes, labels);
        check_bins("Reliability", bins);
        Reliability::of(bins, events(probabilities, classes, labels))
    }

    /// The table of any events, each with its predicted probability and whether it happened.
    pub(super) fn of(bins: usize, events: impl Iterator<Item = (f64, bool)>) -> Reliability {
        let mut sums = vec![Bin::default(); bins];
        for event in events {
            sums[bin_of(event.0, bins)].add(event);
        }
        Reliability { bins: sums.into_iter().map(Bin::mean).collect() }
    }

    /// The bins, lowest confidence first.
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// The expected calibration error of this table: Σ_b n_b/N |accuracy_b − confidence_b|.
    pub fn ece(&self) -> f64 {
        weighted_gap(self.bins.iter().copied())
    }

    /// The largest gap of a bin that is not empty.
    pub fn mce(&self) -> f64 {
        self.bins.iter().filter(|bin| bin.count > 0).map(Bin::gap).fold(0.0, f64::max)
    }
}

/// Each example's confidence, and whether it was predicted right.
pub(super) fn events<'a, T: Real>(
    probabilities: &'a [T],
    classes: usize,
    labels: &'a [usize],
) -> impl Iterator<Item = (f64, bool)> {
    labelled(probabilities, classes, labels).map(|(row, label)| {
        let (class, confidence) = top(row);
        (confidence, class == label)
    })
}

/// The mean of the bins' gaps, each weighted by its number of events.
pub(super) fn weighted_gap(bins: impl Iterator<Item = Bin> + Clone) -> f64 {
    let total: usize = bins.clone().map(|bin| bin.count).sum();
    bins.map(|bin| bin.count as f64 / total as f64 * bin.gap()).sum()
}

#[track_caller]
pub(super) fn check_bins(metric: &str, bins: usize) {
    assert!(bins > 0, "{metric}: at least one bin is needed, got 0");
}

/// The bin b with b/bins < probability ≤ (b+1)/bins; 0 goes to the first bin.
pub(super) fn bin_of(probability: f64, bins: usize) -> usize {
    // The product may round across an edge, so it is only the start of the search.
    let mut bin = ((probability * bins as f64).ceil() as usize).clamp(1, bins) - 1;
    let edge = |b: usize| b as f64 / bins as f64;
    while bin > 0 && probability <= edge(bin) {
        bin -= 1;
    }
    while bin + 1 < bins && probability > edge(bin + 1) {
        bin += 1;
    }
    bin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_belongs_to_the_bin_below_it() {
        for bins in 1..=200 {
            for edge in 1..=bins {
                let on = edge as f64 / bins as f64;
                assert_eq!(bin_of(on, bins), edge - 1, "edge {edge} of {bins}");
                assert_eq!(bin_of(on.next_up(), bins), edge.min(bins - 1));
                assert_eq!(bin_of(on.next_down(), bins), edge - 1);
            }
        }
    }

    #[test]
    fn the_ends_of_the_unit_interval_have_a_bin() {
        assert_eq!(bin_of(0.0, 10), 0);
        assert_eq!(bin_of(1.0 + 1e-6, 10), 9, "a softmax in f32 may sum to a little more than 1");
    }

    #[test]
    fn an_empty_bin_has_no_gap() {
        let table = Reliability::new(&[0.95, 0.05], 2, &[0], 10);
        assert_eq!(table.bins()[0], Bin::default());
        assert_eq!(table.bins()[9], Bin { count: 1, accuracy: 1.0, confidence: 0.95 });
        assert!((table.ece() - 0.05).abs() < 1e-15);
    }

    #[test]
    #[should_panic(expected = "Reliability: at least one bin is needed, got 0")]
    fn no_bins_are_refused() {
        Reliability::new(&[0.5, 0.5], 2, &[0], 0);
    }
}
