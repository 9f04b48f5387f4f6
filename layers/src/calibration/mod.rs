//! What is fitted to held-out data after the training: temperatures and isotonic regressions that calibrate probabilities, and
//! conformal sets and intervals, whose coverage is guaranteed for exchangeable data whatever the model.
//!
//! All of them take predictions, so they work for any inference and any likelihood with such predictions. The held-out examples
//! must be neither those of the training nor those whose scores are reported.
//!
//! ```
//! use elbo::calibration::{ClassNonconformity, ConformalSets, TemperatureScaling};
//! use elbo::prelude::*;
//!
//! # let x = Tensor::from_fn([200, 2], |i| (i as f64 * 0.7).sin());
//! # let y: Vec<usize> = x.data().chunks(2).enumerate().map(|(i, x)| usize::from(x[0] + 0.5 * (i as f32).sin() > 0.1)).collect();
//! # let (held_out, test) = Examples::new(x, y)?.split(0.5, 1)?;
//! # let mut model = Dense::new(2, 2);
//! # model.initialise(Key::new(1));
//! let outputs = model.outputs(held_out.inputs(), Draws(20));
//! let scaling = TemperatureScaling::fit(&outputs, held_out.targets())?;
//! println!("T = {:.2}: NLL {:.3} instead of {:.3}", scaling.temperature(), scaling.nll(), scaling.nll_before());
//! let calibrated = scaling.apply(&model.outputs(test.inputs(), Draws(20))).under(&Categorical);
//!
//! let conformal = ConformalSets::new(ClassNonconformity::Aps, 0.1).randomised(Key::new(1));
//! let fitted = conformal.fit(&model.predict(&Categorical, held_out.inputs(), Draws(20)), held_out.targets())?;
//! let sets = fitted.predict(&model.predict(&Categorical, test.inputs(), Draws(20)));
//! println!("{:.2} labels in a set, {:.1} % of the sets have the right one", sets.mean_size(), 100.0 * sets.coverage(test.targets()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod conformal;
mod error;
mod feature_density;
mod isotonic;
mod isotonic_calibration;
mod temperature;
mod temperature_nll;
mod temperature_posterior;

pub use conformal::{
    CalibratedIntervals, CalibratedSets, ClassNonconformity, ConformalIntervals, ConformalSets, GroupCoverage,
};
pub use conformal::{IntervalNonconformity, LabelSets, PredictionIntervals, smallest_calibration_set};
pub use error::CalibrationError;
pub use feature_density::FeatureDensity;
pub use isotonic::IsotonicRegression;
pub use isotonic_calibration::IsotonicCalibration;
pub use temperature::{LogitsOfDraws, TemperatureScaling};
pub use temperature_posterior::TemperaturePosterior;

/// Checks that there is a label below the number of classes for each of at least one prediction.
///
/// # Errors
/// If there is not.
fn check_labels(labels: &[usize], predictions: usize, classes: usize) -> Result<(), CalibrationError> {
    if labels.len() != predictions {
        return Err(CalibrationError::Rows { what: "labels", found: labels.len(), expected: predictions });
    }
    if labels.is_empty() {
        return Err(CalibrationError::Empty);
    }
    match labels.iter().position(|label| *label >= classes) {
        Some(row) => Err(CalibrationError::Label { row, label: labels[row], classes }),
        None => Ok(()),
    }
}
