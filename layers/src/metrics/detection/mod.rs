//! Detection of positives by a score, such as of data that a model does not know by its uncertainty: the areas under both
//! curves, and the false positive rate at a true positive rate.

mod auroc;
mod average_precision;
mod false_positives;
mod scores;
mod thresholds;

pub use auroc::auroc;
pub use average_precision::{aupr, aupr_trapezoid};
pub use false_positives::{fpr_at_tpr, fpr95};
pub use scores::{Detection, Uncertainty};
