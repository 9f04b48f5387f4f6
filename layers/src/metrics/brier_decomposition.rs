//! The decomposition of the Brier score into reliability, resolution and uncertainty.

use super::probability_rows::{check_labelled, labelled};
use super::reliability::{bin_of, check_bins};
use crate::engine::Real;
use crate::metrics::Probabilities;

/// The Brier score as `reliability − resolution + uncertainty + within_bins` (Murphy 1973, "A New Vector Partition of the
/// Probability Score"), summed over classes, so that it decomposes [`brier`](super::brier()), from 0 to 2.
///
/// The probabilities of each class are put in B right-closed bins of equal width, as in [`ece`](super::ece()). Murphy's three terms
/// are those of the bins' mean probabilities f_b and frequencies o_b; what is left is due to the probabilities' differing
/// within a bin (Stephenson, Coelho and Jolliffe 2008, "Two Extra Components in the Brier Score Decomposition"), and is near 0
/// for narrow bins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BrierDecomposition {
    /// Σ_b n_b/N (f_b − o_b)²: 0 for a calibrated prediction.
    pub reliability: f64,
    /// Σ_b n_b/N (o_b − ō)²: how much the bins' frequencies differ from the overall one, ō. More is better.
    pub resolution: f64,
    /// ō (1 − ō): what a prediction of the overall frequencies scores.
    pub uncertainty: f64,
    /// The difference to the Brier score of the probabilities themselves.
    pub within_bins: f64,
    /// Σ_b n_b/N · o_b (1 − o_b)/(n_b − 1), and ō (1 − ō)/(N − 1).
    bias: [f64; 2],
}

impl BrierDecomposition {
    /// The decomposition for predictions (N, C), row-major, with their N labels.
    ///
    /// # Panics
    /// If the sizes do not fit, a label is out of range, a row is not a distribution or `bins` is 0.
    #[track_caller]
    pub fn new<T: Real>(probabilities: &[T], classes: usize, labels: &[usize], bins: usize) -> Self {
        check_labelled("BrierDecomposition", probabilities, classes, labels);
        check_bins("BrierDecomposition", bins);
        let n = labels.len() as f64;
        let zero = BrierDecomposition {
            reliability: 0.0,
            resolution: 0.0,
            uncertainty: 0.0,
            within_bins: 0.0,
            bias: [0.0; 2],
        };
        let mut sum = zero;
        for class in 0..classes {
            let (mut in_bins, mut score) = (vec![Sums::default(); bins], 0.0);
            for (row, label) in labelled(probabilities, classes, labels) {
                let (p, happened) = (row[class].to_f64(), if label == class { 1.0 } else { 0.0 });
                let of = &mut in_bins[bin_of(p, bins)];
                of.count += 1.0;
                of.probability += p;
                of.happened += happened;
                score += (p - happened).powi(2) / n;
            }
            let overall = in_bins.iter().map(|of| of.happened).sum::<f64>() / n;
            let mut own = zero;
            for of in in_bins.iter().filter(|of| of.count > 0.0) {
                let (share, forecast, frequency) = (of.count / n, of.probability / of.count, of.happened / of.count);
                own.reliability += share * (forecast - frequency).powi(2);
                own.resolution += share * (frequency - overall).powi(2);
                // One example says nothing about the variance in its bin.
                own.bias[0] += share * frequency * (1.0 - frequency) / (of.count - 1.0).max(1.0);
            }
            own.uncertainty = overall * (1.0 - overall);
            own.bias[1] = own.uncertainty / (n - 1.0).max(1.0);
            sum.reliability += own.reliability;
            sum.resolution += own.resolution;
            sum.uncertainty += own.uncertainty;
            sum.within_bins += score - (own.reliability - own.resolution + own.uncertainty);
            sum.bias = [sum.bias[0] + own.bias[0], sum.bias[1] + own.bias[1]];
        }
        sum
    }

    /// The Brier score, the sum of the four terms.
    pub fn brier(&self) -> f64 {
        self.reliability - self.resolution + self.uncertainty + self.within_bins
    }

    /// The terms with less bias (Ferro and Fricker 2012, "A bias-corrected decomposition of the Brier score"): the frequencies of
    /// few examples in a bin scatter, which adds to reliability and resolution alike. The sum stays; a term may be negative.
    #[must_use]
    pub fn bias_corrected(&self) -> Self {
        let [within, overall] = self.bias;
        BrierDecomposition {
            reliability: self.reliability - within,
            resolution: self.resolution - within + overall,
            uncertainty: self.uncertainty + overall,
            within_bins: self.within_bins,
            bias: [0.0; 2],
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Sums {
    count: f64,
    probability: f64,
    happened: f64,
}

impl Probabilities {
    /// The decomposition of the [Brier score](Probabilities::brier): [`BrierDecomposition`].
    ///
    /// # Panics
    /// If there is not one label per example, a label is out of range, or `bins` is 0.
    #[track_caller]
    pub fn brier_decomposition(&self, labels: &[usize], bins: usize) -> BrierDecomposition {
        BrierDecomposition::new(self.mean(), self.classes(), labels, bins)
    }
}
