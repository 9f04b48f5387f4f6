//! `BootstrapError`: why a metric has no bootstrap interval.

use thiserror::Error;

/// Why a metric has no bootstrap interval. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Clone, Error, PartialEq)]
#[non_exhaustive]
pub enum BootstrapError {
    /// An option is out of range.
    #[error("{0}")]
    Options(String),

    /// There are too few rows to draw from.
    #[error("Bootstrap: at least two rows are needed, got {rows}")]
    TooFew {
        /// Their number.
        rows: usize,
    },

    /// Predictions and targets do not belong together.
    #[error("Bootstrap: {} have {} rows, but {} have {}", names[0], rows[0], names[1], rows[1])]
    Rows {
        /// What has the rows.
        names: [&'static str; 2],
        /// Their numbers.
        rows: [usize; 2],
    },

    /// The metric is not finite, such as a score of one class only.
    #[error("Bootstrap: the metric of {what} is {value}; an interval needs a metric that is finite for all resamples")]
    NotFinite {
        /// The rows.
        what: String,
        /// The metric.
        value: f64,
    },

    /// All resamples are on one side of the metric, so that its bias cannot be corrected.
    #[error(
        "Bootstrap: the metric of all rows, {estimate}, is beyond those of all resamples, so its bias cannot be corrected; use \
         `percentile()`"
    )]
    OneSided {
        /// The metric of all rows.
        estimate: f64,
    },
}

crate::engine::debug_as_display!(BootstrapError);
