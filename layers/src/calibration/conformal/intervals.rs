//! `ConformalIntervals`: prediction intervals that contain the target with a given probability.

use super::PredictionIntervals;
use super::threshold::{check_alpha, threshold};
use crate::calibration::CalibrationError;
use crate::engine::Real;
use crate::metrics::number_targets::counted;
use crate::metrics::{NumberTargets, PredictedNumbers};

/// How far a target is from its prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IntervalNonconformity {
    /// |y − mean|: intervals of equal width (Lei et al. 2018, "Distribution-Free Predictive Inference for Regression").
    AbsoluteResidual,
    /// |y − mean| / sd, with the predictive standard deviation: intervals are wider where the model is unsure (Lei et al. 2018,
    /// section 5.2).
    ByStandardDeviation,
    /// max(lower − y, y − upper), for the model's own central interval of probability 1 − α: conformalised quantile regression
    /// (Romano, Patterson and Candès 2019, eq. 6). The interval is moved out, or in, by the same amount everywhere.
    Quantiles,
}

/// Split conformal prediction intervals: calibrated on held-out examples, an interval contains the target of a new one with
/// probability 1 − α at least, whatever the model, if all these examples are exchangeable. That is on average over examples, not
/// for each group: [`PredictionIntervals::coverage_by_group`].
///
/// If targets have several elements, each is calibrated by itself, and covered by itself. Missing targets do not count. If an
/// element has fewer held-out targets than [`smallest_calibration_set`](super::smallest_calibration_set), its intervals are
/// infinite: [`CalibratedIntervals::is_informative`].
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::calibration::{ConformalIntervals, IntervalNonconformity};
///
/// # let x: Tensor = Tensor::from_fn([100, 1], |i| (i as f64).sin());
/// # let y: Tensor = Tensor::from_fn([100, 1], |i| (i as f64).sin() + 0.3 * (7.7 * i as f64).cos());
/// # let (held_out, test) = Examples::new(x, y)?.split(0.5, 1)?;
/// # let model = Dense::new(1, 1);
/// let predict = |x: &Tensor| model.predict(&Gaussian::new(0.1), x, Draws(50));
/// let conformal = ConformalIntervals::new(IntervalNonconformity::ByStandardDeviation, 0.1);
/// let fitted = conformal.fit(&predict(held_out.inputs()), held_out.targets())?;
/// let intervals = fitted.predict(&predict(test.inputs()));
/// println!("{:.1} % covered, width {:.2}", 100.0 * intervals.coverage(test.targets()), intervals.mean_width());
/// # assert!(intervals.mean_width() > 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ConformalIntervals {
    score: IntervalNonconformity,
    alpha: f64,
}

impl ConformalIntervals {
    /// Intervals by this score that miss the target with probability `alpha` at most.
    pub fn new(score: IntervalNonconformity, alpha: f64) -> Self {
        ConformalIntervals { score, alpha }
    }

    /// Finds the thresholds, from predictions of held-out examples and their targets.
    ///
    /// # Errors
    /// [`CalibrationError`]: α is out of range, there are no examples, the targets have another shape than the predictions, a
    /// target or a prediction is not finite, or a standard deviation is not positive.
    pub fn fit<P, Y>(self, predictions: &P, targets: &Y) -> Result<CalibratedIntervals, CalibrationError>
    where
        P: PredictedNumbers,
        Y: NumberTargets,
    {
        check_alpha("ConformalIntervals", self.alpha)?;
        let (rows, width, numbers) = (predictions.rows(), predictions.width(), targets.numbers());
        let found = numbers.shape().first().copied().unwrap_or(1);
        if found != rows || numbers.len() != rows * width {
            let (what, found) = if found == rows { ("elements of targets", numbers.len()) } else { ("targets", found) };
            let expected = if what == "targets" { rows } else { rows * width };
            return Err(CalibrationError::Rows { what, found, expected });
        }
        if rows == 0 || width == 0 {
            return Err(CalibrationError::Empty);
        }
        let (counts, bounds) = (counted(targets), self.bounds(predictions)?);
        let mut scores = vec![Vec::with_capacity(rows); width];
        for (i, (bounds, y)) in bounds.iter().zip(numbers.data()).enumerate() {
            let y = y.to_f64();
            if !counts(i) {
                continue;
            }
            if !y.is_finite() {
                return Err(CalibrationError::NotFinite { what: "the target", row: i / width, value: y });
            }
            scores[i % width].push(bounds.score(y));
        }
        let examples = scores.iter().map(Vec::len).collect();
        let thresholds = scores.into_iter().map(|scores| threshold(scores, self.alpha)).collect();
        Ok(CalibratedIntervals { how: self, thresholds, examples })
    }

    /// What the scores of each element are measured from.
    fn bounds(&self, predictions: &impl PredictedNumbers) -> Result<Vec<Bounds>, CalibrationError> {
        let width = predictions.width();
        let finite = |what, values: &[f64]| match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(CalibrationError::NotFinite { what, row: at / width, value: values[at] }),
            None => Ok(()),
        };
        if self.score == IntervalNonconformity::Quantiles {
            let (lower, upper) = predictions.interval(1.0 - self.alpha);
            finite("the lower quantile", &lower)?;
            finite("the upper quantile", &upper)?;
            return Ok(lower.into_iter().zip(upper).map(|(low, high)| Bounds { low, high, unit: 1.0 }).collect());
        }
        let mean = predictions.mean();
        finite("the predictive mean", &mean)?;
        let units = if self.score == IntervalNonconformity::ByStandardDeviation {
            let sd = predictions.sd();
            let is_wrong = |sd: &f64| !(*sd > 0.0 && sd.is_finite());
            if let Some(at) = sd.iter().position(is_wrong) {
                return Err(CalibrationError::StandardDeviation { row: at / width, sd: sd[at] });
            }
            sd
        } else {
            vec![1.0; mean.len()]
        };
        Ok(mean.into_iter().zip(units).map(|(mean, unit)| Bounds { low: mean, high: mean, unit }).collect())
    }
}

/// An interval, and the unit in which distances from it are measured.
#[derive(Clone, Copy)]
struct Bounds {
    low: f64,
    high: f64,
    unit: f64,
}

impl Bounds {
    /// The distance of y from the interval; negative within.
    fn score(self, y: f64) -> f64 {
        (self.low - y).max(y - self.high) / self.unit
    }

    /// The interval of all y with at most this score; the middle if there is none.
    fn up_to(self, score: f64) -> [f64; 2] {
        let [low, high] = [self.low - score * self.unit, self.high + score * self.unit];
        if low <= high { [low, high] } else { [0.5 * (low + high); 2] }
    }
}

/// Conformal intervals with their thresholds: [`ConformalIntervals::fit`].
#[derive(Clone, Debug)]
pub struct CalibratedIntervals {
    how: ConformalIntervals,
    thresholds: Vec<f64>,
    examples: Vec<usize>,
}

impl CalibratedIntervals {
    /// The largest score within an interval, of each element of a target; ∞ if there were too few held-out targets.
    pub fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    /// The number of held-out targets of each element.
    pub fn examples(&self) -> &[usize] {
        &self.examples
    }

    /// Whether there were enough held-out targets for finite intervals of all elements.
    pub fn is_informative(&self) -> bool {
        self.thresholds.iter().all(|threshold| threshold.is_finite())
    }

    /// The interval of each element of each prediction.
    ///
    /// # Panics
    /// If targets have another number of elements than the held-out ones, or a prediction is not finite or has no positive standard
    /// deviation where the score needs it.
    #[track_caller]
    pub fn predict(&self, predictions: &impl PredictedNumbers) -> PredictionIntervals {
        let width = self.thresholds.len();
        assert!(
            predictions.width() == width,
            "CalibratedIntervals::predict: predictions of {} elements, but it was calibrated with {width}",
            predictions.width()
        );
        let bounds = match self.how.bounds(predictions) {
            Ok(bounds) => bounds,
            Err(error) => panic!("CalibratedIntervals::predict: {error}"),
        };
        let thresholds = self.thresholds.iter().cycle();
        let (lower, upper) = bounds.iter().zip(thresholds).map(|(bounds, score)| bounds.up_to(*score).into()).unzip();
        PredictionIntervals::new(lower, upper, width)
    }
}
