//! Split conformal prediction: sets of classes and intervals with guaranteed coverage.

mod groups;
mod intervals;
mod label_sets;
mod prediction_intervals;
mod sets;
mod threshold;

pub use groups::GroupCoverage;
pub use intervals::{CalibratedIntervals, ConformalIntervals, IntervalNonconformity};
pub use label_sets::LabelSets;
pub use prediction_intervals::PredictionIntervals;
pub use sets::{CalibratedSets, ClassNonconformity, ConformalSets};
pub use threshold::smallest_calibration_set;
