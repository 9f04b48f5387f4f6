//! Probability integral transforms of targets, and their histogram.

use crate::engine::Real;
use crate::metrics::number_targets::counted;
use crate::metrics::{Mixture, NumberTargets, Unscaled};
use crate::predictive::Univariate;

/// The histogram of probability integral transforms F(y): flat for a calibrated prediction, a U for one that is too sure, a
/// hump for one that is not sure enough, and a slope for a biased one (Gneiting, Balabdaoui and Raftery 2007, section 3.1).
///
/// A target with a probability of its own, such as a whole number, counts in equal shares for all of F(y⁻) to F(y), so that the
/// histogram of counts is flat as well (Czado, Gneiting and Held 2009, "Predictive Model Assessment for Count Data", eq. 2).
#[derive(Clone, Debug, PartialEq)]
pub struct PitHistogram {
    shares: Vec<f64>,
    targets: usize,
}

impl PitHistogram {
    /// From the ranges \[F(y⁻), F(y)\] of the targets; both are F(y) where the distribution is continuous.
    ///
    /// # Panics
    /// If there are no targets or no bins, or a range is not within \[0, 1\].
    #[track_caller]
    pub fn new(ranges: &[[f64; 2]], bins: usize) -> Self {
        assert!(!ranges.is_empty(), "PitHistogram: no targets");
        assert!(bins > 0, "PitHistogram: at least one bin is needed, got 0");
        let is_range = |[low, high]: &[f64; 2]| *low >= 0.0 && low <= high && *high <= 1.0;
        if let Some(at) = ranges.iter().position(|range| !is_range(range)) {
            panic!("PitHistogram: target {at} (from 0) has the range {:?}, which is not within 0 to 1", ranges[at]);
        }
        let edge = |bin: usize| bin as f64 / bins as f64;
        let mut shares = vec![0.0; bins];
        for &[low, high] in ranges {
            let bin_of = |p: f64| ((p * bins as f64) as usize).min(bins - 1);
            if low == high {
                shares[bin_of(low)] += 1.0;
                continue;
            }
            let first = bin_of(low);
            for (bin, share) in (first..).zip(&mut shares[first..=bin_of(high)]) {
                *share += (high.min(edge(bin + 1)) - low.max(edge(bin))).max(0.0) / (high - low);
            }
        }
        shares.iter_mut().for_each(|share| *share /= ranges.len() as f64);
        PitHistogram { shares, targets: ranges.len() }
    }

    /// The share of targets in each bin, of equal width from 0 to 1; 1 / bins each for a calibrated prediction.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// The number of targets.
    pub fn targets(&self) -> usize {
        self.targets
    }

    /// The standard deviation of a bin's share for a calibrated prediction and independent continuous targets.
    pub fn expected_sd(&self) -> f64 {
        let flat = 1.0 / self.shares.len() as f64;
        (flat * (1.0 - flat) / self.targets as f64).sqrt()
    }
}

impl<L: Univariate> Mixture<L> {
    /// The probability integral transform F(y) of each observed target, in order: uniform between 0 and 1 for a calibrated
    /// prediction. For a target with a probability of its own, such as a whole number, it is the middle between F(y⁻) and F(y);
    /// [`pit_histogram`](Mixture::pit_histogram) spreads it over both.
    ///
    /// # Panics
    /// If there is not one finite target for each element.
    #[track_caller]
    pub fn pit<Y: NumberTargets>(&self, targets: &Y) -> Vec<f64> {
        self.check("pit", targets);
        self.pit_ranges(targets).iter().map(|[low, high]| 0.5 * (low + high)).collect()
    }

    /// The [histogram](PitHistogram) of the probability integral transforms of all observed targets.
    ///
    /// # Panics
    /// If there is not one finite target for each element, or there are no bins.
    #[track_caller]
    pub fn pit_histogram<Y: NumberTargets>(&self, targets: &Y, bins: usize) -> PitHistogram {
        self.check("pit_histogram", targets);
        PitHistogram::new(&self.pit_ranges(targets), bins)
    }

    /// F(y⁻) and F(y) of each observed target.
    fn pit_ranges<Y: NumberTargets>(&self, targets: &Y) -> Vec<[f64; 2]> {
        let numbers = targets.numbers().data();
        // A mean of probabilities may round to more than 1.
        let below = |less: bool| {
            self.each(|i| {
                let y = numbers[i].to_f64();
                let y = if !less {
                    y
                } else if L::DISCRETE {
                    y - 1.0
                } else {
                    y.next_down()
                };
                self.below(i, y).clamp(0.0, 1.0)
            })
        };
        let at = below(false);
        let before = if L::DISCRETE || L::HAS_POINT_MASSES { below(true) } else { at.clone() };
        let counts = counted(targets);
        let ranges = before.into_iter().zip(at).map(|(low, high)| [low.min(high), high]);
        ranges.enumerate().filter(|(i, _)| counts(*i)).map(|(_, range)| range).collect()
    }
}

impl<L: Univariate> Unscaled<L> {
    /// The probability integral transform of each observed target: [`Mixture::pit`].
    ///
    /// # Panics
    /// If there is not one finite target for each element.
    #[track_caller]
    pub fn pit<Y: NumberTargets>(&self, targets: &Y) -> Vec<f64> {
        self.scaled().pit(&self.scale_targets("pit", targets))
    }

    /// The [histogram](PitHistogram) of the probability integral transforms of all observed targets.
    ///
    /// # Panics
    /// If there is not one finite target for each element, or there are no bins.
    #[track_caller]
    pub fn pit_histogram<Y: NumberTargets>(&self, targets: &Y, bins: usize) -> PitHistogram {
        self.scaled().pit_histogram(&self.scale_targets("pit_histogram", targets), bins)
    }
}
