//! Intervals and sets of classes that contain the target as often as they say.

use elbo::calibration::{
    CalibrationError, ClassNonconformity, ConformalIntervals, ConformalSets, IntervalNonconformity,
};
use serde::{Deserialize, Serialize};

use super::prediction::{Numbers, Prediction};
use super::target::Targets;

/// What makes intervals or sets contain the share `level` of the targets.
///
/// The scores are those of predictions by trainings that have not seen the row, over all rows: the calibration of
/// cross-conformal prediction (Vovk 2015). For intervals the score is max(lower − y, y − upper) (Romano, Patterson and Candès 2019);
/// for classes 1 − p of the right one (Sadinle, Lei and Wasserman 2019).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    /// The share of the targets that intervals or sets contain.
    pub level: f64,
    /// The largest score within an interval or set.
    threshold: f64,
}

impl Calibrated {
    /// Finds the threshold from predictions and the targets that were found.
    ///
    /// # Errors
    /// If predictions are not finite.
    pub fn fit(prediction: &Prediction, targets: &Targets, level: f64) -> Result<Calibrated, CalibrationError> {
        let threshold = match (prediction, targets) {
            (Prediction::Classes(probabilities), Targets::Labels(labels)) => {
                ConformalSets::new(ClassNonconformity::Lac, 1.0 - level).fit(probabilities, labels)?.threshold()
            }
            (Prediction::Numbers(numbers), targets) => {
                let conformal = ConformalIntervals::new(IntervalNonconformity::Quantiles, 1.0 - level);
                conformal.fit(numbers, &targets.column())?.thresholds()[0]
            }
            (Prediction::Classes(_), Targets::Numbers(_)) => f64::INFINITY,
        };
        // JSON has no infinity; with so few rows nothing is left out.
        Ok(Calibrated { level, threshold: threshold.min(f64::MAX) })
    }

    /// The intervals moved out, or in, by the threshold; their middle where they would end before they begin.
    pub fn intervals(&self, numbers: &Numbers) -> (Vec<f64>, Vec<f64>) {
        let moved = |(&low, &high): (&f64, &f64)| match (low - self.threshold, high + self.threshold) {
            (low, high) if low <= high => (low, high),
            (low, high) => (0.5 * (low + high), 0.5 * (low + high)),
        };
        numbers.lower.iter().zip(&numbers.upper).map(moved).unzip()
    }

    /// The classes of a row's set: those that are probable enough, and always the most probable one.
    pub fn set(&self, probabilities: &[f64]) -> Vec<usize> {
        let most = probabilities.iter().copied().fold(0.0, f64::max);
        (0..probabilities.len())
            .filter(|&k| 1.0 - probabilities[k] <= self.threshold || probabilities[k] == most)
            .collect()
    }

    /// How far intervals are moved out, in the targets' unit.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The share of the targets within their intervals or sets.
    pub fn coverage(&self, prediction: &Prediction, targets: &Targets) -> f64 {
        let covered = match (prediction, targets) {
            (Prediction::Classes(probabilities), Targets::Labels(labels)) => {
                let is_within = |(row, label): &(usize, &usize)| self.set(probabilities.row(*row)).contains(label);
                labels.iter().enumerate().filter(is_within).count()
            }
            (Prediction::Numbers(numbers), targets) => {
                let (lower, upper) = self.intervals(numbers);
                let bounds = lower.iter().zip(&upper);
                targets.numbers().iter().zip(bounds).filter(|(y, (low, high))| *low <= *y && *y <= *high).count()
            }
            (Prediction::Classes(_), Targets::Numbers(_)) => 0,
        };
        covered as f64 / targets.len() as f64
    }
}
