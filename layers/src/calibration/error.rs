//! `CalibrationError`: why something could not be fitted to held-out data.

use thiserror::Error;

/// Why something could not be fitted to held-out data. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Clone, Error, PartialEq)]
#[non_exhaustive]
pub enum CalibrationError {
    /// An option is out of range.
    #[error("{0}")]
    Options(String),

    /// There are no held-out examples.
    #[error("there are no held-out examples; at least one is needed")]
    Empty,

    /// Predictions and targets do not belong together.
    #[error("{found} {what} for {expected} predictions; each prediction needs one")]
    Rows {
        /// What there is for the predictions.
        what: &'static str,
        /// Their number.
        found: usize,
        /// The number of predictions.
        expected: usize,
    },

    /// A label is not a class.
    #[error("label {label} of row {row} (from 0) is out of range for {classes} classes")]
    Label {
        /// The row, from 0.
        row: usize,
        /// Its label.
        label: usize,
        /// The number of classes.
        classes: usize,
    },

    /// A number is NaN or infinite.
    #[error("{what} of row {row} (from 0) is {value}; it must be finite")]
    NotFinite {
        /// What the number is.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// The number.
        value: f64,
    },

    /// The label of an example is impossible at any temperature.
    #[error("the label of row {row} (from 0) has probability 0, at any temperature")]
    Impossible {
        /// The row, from 0.
        row: usize,
    },

    /// The likelihood has no maximum at a positive and finite temperature.
    #[error(
        "the NLL of {examples} held-out examples falls as the temperature goes to {limit}, because {because}; use more held-out \
         examples, or `TemperaturePosterior`, whose prior keeps it finite"
    )]
    NoTemperature {
        /// The number of held-out examples.
        examples: usize,
        /// 0 or ∞.
        limit: f64,
        /// Why.
        because: &'static str,
    },

    /// A class does not occur.
    #[error("class {class} does not occur among {examples} held-out labels, so its frequencies are unknown")]
    MissingClass {
        /// The class.
        class: usize,
        /// The number of held-out examples.
        examples: usize,
    },

    /// A prediction has no spread, by which its error is divided.
    #[error(
        "the predictive standard deviation of row {row} (from 0) is {sd}; scores divided by it need a positive one"
    )]
    StandardDeviation {
        /// The row, from 0.
        row: usize,
        /// The standard deviation.
        sd: f64,
    },
}

crate::engine::debug_as_display!(CalibrationError);
