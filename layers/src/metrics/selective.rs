//! Selective prediction: the risk of the predictions that a model is most sure of, as a function of their share.

use crate::metrics::{Probabilities, Uncertainty};

/// The risk–coverage curve of a model that predicts only where it is sure (El-Yaniv and Wiener 2010; Geifman and El-Yaniv
/// 2017): for every threshold of an uncertainty, the share of examples below it and their mean loss.
///
/// Examples of equal uncertainty are accepted together.
///
/// ```
/// # use elbo::metrics::RiskCoverage;
/// let curve = RiskCoverage::new(&[0.1, 0.9, 0.3, 0.5], &[0.0, 1.0, 0.0, 1.0]);
/// assert_eq!(curve.risk_at(0.5), 0.0);
/// assert_eq!(curve.coverage_at(0.4), 0.75);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RiskCoverage {
    points: Vec<Accepted>,
    area: f64,
    least_area: f64,
}

/// A point of a [`RiskCoverage`] curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accepted {
    /// The largest uncertainty that is accepted.
    pub threshold: f64,
    /// The share of examples that is accepted.
    pub coverage: f64,
    /// Their mean loss.
    pub risk: f64,
}

impl RiskCoverage {
    /// The curve of some examples' uncertainties and losses, such as 1 for a wrong label and 0 for the right one.
    ///
    /// # Panics
    /// If there are none or not equally many of both, or one is NaN.
    #[track_caller]
    pub fn new(uncertainties: &[f64], losses: &[f64]) -> Self {
        assert!(!losses.is_empty(), "RiskCoverage: no examples");
        assert!(
            uncertainties.len() == losses.len(),
            "RiskCoverage: {} uncertainties for {} losses",
            uncertainties.len(),
            losses.len()
        );
        let mut examples: Vec<(f64, f64)> = uncertainties.iter().copied().zip(losses.iter().copied()).collect();
        if let Some(row) = examples.iter().position(|(uncertainty, loss)| uncertainty.is_nan() || loss.is_nan()) {
            panic!("RiskCoverage: the uncertainty or the loss of row {row} (from 0) is NaN");
        }
        examples.sort_by(|a, b| a.0.total_cmp(&b.0));
        let n = examples.len() as f64;
        let (mut count, mut sum, mut area) = (0.0, 0.0, 0.0);
        let mut points = Vec::new();
        for tied in examples.chunk_by(|a, b| a.0 == b.0) {
            let mean = tied.iter().map(|(_, loss)| loss).sum::<f64>() / tied.len() as f64;
            for _ in tied {
                // In a random order, the expected loss of each of the tied examples is their mean.
                (count, sum) = (count + 1.0, sum + mean);
                area += sum / count / n;
            }
            points.push(Accepted { threshold: tied[0].0, coverage: count / n, risk: sum / count });
        }
        let mut best = losses.to_vec();
        best.sort_by(f64::total_cmp);
        let mut sum = 0.0;
        let least = best.iter().enumerate().map(|(before, loss)| {
            sum += loss;
            sum / (before + 1) as f64 / n
        });
        RiskCoverage { area, least_area: least.sum(), points }
    }

    /// The points, from the lowest threshold to the highest, at which all examples are accepted.
    pub fn points(&self) -> &[Accepted] {
        &self.points
    }

    /// The area under the curve (AURC): the mean over k of the risk of the k examples of least uncertainty, in the unit of the
    /// loss (Geifman, Uziel and El-Yaniv 2019, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers"). Tied examples
    /// are taken in random order, on average.
    pub fn aurc(&self) -> f64 {
        self.area
    }

    /// [`aurc`](Self::aurc) less that of the best possible order, of ascending loss (E-AURC): how far the uncertainty is from
    /// knowing the losses. At least 0.
    pub fn excess_aurc(&self) -> f64 {
        let excess = self.area - self.least_area;
        // Not `max`, which would make 0 of the NaN of infinite losses.
        if excess < 0.0 { 0.0 } else { excess }
    }

    /// The risk of the least share of examples that is at least `coverage`.
    ///
    /// # Panics
    /// If `coverage` is not in (0, 1].
    #[track_caller]
    pub fn risk_at(&self, coverage: f64) -> f64 {
        assert!(
            coverage > 0.0 && coverage <= 1.0,
            "risk_at: the coverage must be above 0 and at most 1, got {coverage}"
        );
        let reached = self.points.iter().find(|point| point.coverage >= coverage);
        reached.or(self.points.last()).map_or(f64::NAN, |point| point.risk)
    }

    /// The largest share of examples whose risk is at most `risk`; 0 if there is none. It is chosen by these examples, so the risk
    /// of others may be larger.
    pub fn coverage_at(&self, risk: f64) -> f64 {
        self.points.iter().rev().find(|point| point.risk <= risk).map_or(0.0, |point| point.coverage)
    }
}

impl Probabilities {
    /// The risk–coverage curve of the error rate, with the least uncertain examples accepted first.
    ///
    /// # Panics
    /// If there is not one label per example, or a label is out of range.
    #[track_caller]
    pub fn risk_coverage(&self, labels: &[usize], by: Uncertainty) -> RiskCoverage {
        let (classes, predicted) = (self.classes(), self.labels());
        assert!(
            predicted.len() == labels.len(),
            "risk_coverage: {} predictions for {} labels",
            predicted.len(),
            labels.len()
        );
        if let Some(row) = labels.iter().position(|label| *label >= classes) {
            panic!("risk_coverage: label {} of row {row} (from 0) is out of range for {classes} classes", labels[row]);
        }
        let losses = predicted.iter().zip(labels).map(|(predicted, label)| f64::from(u8::from(predicted != label)));
        RiskCoverage::new(&by.of(self), &losses.collect::<Vec<_>>())
    }
}
