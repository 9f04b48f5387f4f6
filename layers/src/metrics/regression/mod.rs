//! Scores of predicted numbers: errors, continuous ranked probability score, intervals, and probability integral transforms.

mod crps;
mod errors;
mod integrated_crps;
mod intervals;
mod mixture_crps;
mod mixture_intervals;
mod pit;
mod predicted_numbers;
mod weighted_normals;

pub use crps::{crps_normal, crps_samples, crps_samples_fair};
pub use errors::{mae, r2, rmse};
pub use intervals::{coverage, interval_score, mean_width};
pub use pit::PitHistogram;
pub use predicted_numbers::PredictedNumbers;
pub use weighted_normals::WeightedNormals;
