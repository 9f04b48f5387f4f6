//! `IsotonicCalibration`: isotonic regression of class probabilities.

use super::{CalibrationError, IsotonicRegression, check_labels};
use crate::metrics::{Probabilities, entropy};

/// Calibration by isotonic regression (Zadrozny and Elkan 2002, "Transforming classifier scores into accurate multiclass
/// probability estimates"): the frequency of each class as a nondecreasing function of its probability. Two classes have one
/// function; with more, each has its own, of this class against the rest, and the results are scaled to sum to 1.
///
/// It fits any shape of miscalibration, which needs many held-out examples: some thousand. Probabilities of exactly 0 and 1 occur,
/// so the NLL of new examples may be infinite. The result has no separate draws: its epistemic uncertainty is 0.
///
/// ```
/// # use elbo::calibration::IsotonicCalibration;
/// # use elbo::metrics::Probabilities;
/// let of = |p: [f64; 4]| Probabilities::new(p.iter().flat_map(|p| [1.0 - p, *p]).collect(), vec![0.0; 4], 2, 1);
/// let calibration = IsotonicCalibration::fit(&of([0.1, 0.2, 0.8, 0.9]), &[0, 1, 0, 1])?;
/// assert_eq!(calibration.apply(&of([0.1, 0.5, 0.8, 0.95])).mean()[1..].iter().step_by(2).copied().collect::<Vec<_>>(), [0.0, 0.5, 0.5, 1.0]);
/// # Ok::<(), elbo::calibration::CalibrationError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct IsotonicCalibration {
    classes: usize,
    /// Of class 1 if there are two classes, of each class otherwise.
    functions: Vec<IsotonicRegression>,
}

impl IsotonicCalibration {
    /// Fits the functions to predictions of held-out examples and their labels: one for each distribution, if an example has
    /// several.
    ///
    /// # Errors
    /// [`CalibrationError`]: there are no examples, labels that do not fit, a class without labels, or fewer than two classes.
    pub fn fit(predictions: &Probabilities, labels: &[usize]) -> Result<Self, CalibrationError> {
        let classes = predictions.classes();
        check_labels(labels, predictions.len(), classes)?;
        if classes < 2 {
            return Err(CalibrationError::Options(format!(
                "isotonic calibration needs two classes or more, got {classes}"
            )));
        }
        let is_missing = |class: &usize| !labels.contains(class);
        if let Some(class) = (0..classes).find(is_missing) {
            return Err(CalibrationError::MissingClass { class, examples: labels.len() });
        }
        let of_class = |class: usize| {
            let p: Vec<f64> = predictions.mean().chunks_exact(classes).map(|row| row[class]).collect();
            let is_class: Vec<f64> = labels.iter().map(|label| f64::from(u8::from(*label == class))).collect();
            IsotonicRegression::fit(&p, &is_class)
        };
        let fitted = if classes == 2 { 1..2 } else { 0..classes };
        Ok(IsotonicCalibration { classes, functions: fitted.map(of_class).collect::<Result<_, _>>()? })
    }

    /// The function of each class; of class 1 alone if there are two.
    pub fn functions(&self) -> &[IsotonicRegression] {
        &self.functions
    }

    /// The calibrated predictions. A row in which all classes become 0 gets equal probabilities.
    ///
    /// # Panics
    /// If the predictions have other classes than the held-out ones.
    #[track_caller]
    pub fn apply(&self, predictions: &Probabilities) -> Probabilities {
        let classes = self.classes;
        assert!(
            predictions.classes() == classes,
            "IsotonicCalibration::apply: predictions of {} classes, but it was fitted to {classes}",
            predictions.classes()
        );
        let rows = predictions.mean().chunks_exact(classes).flat_map(|row| self.calibrated(row));
        let mean: Vec<f64> = rows.collect();
        let nats = entropy(&mean, classes);
        Probabilities::new(mean, nats, classes, 1).with_axes(&predictions.shape()[1..])
    }

    fn calibrated(&self, row: &[f64]) -> Vec<f64> {
        if let [of_second] = &self.functions[..] {
            let p = of_second.at(row[1]);
            return vec![1.0 - p, p];
        }
        let values: Vec<f64> = self.functions.iter().zip(row).map(|(function, p)| function.at(*p)).collect();
        let total: f64 = values.iter().sum();
        if total > 0.0 {
            values.iter().map(|value| value / total).collect()
        } else {
            vec![1.0 / self.classes as f64; self.classes]
        }
    }
}
