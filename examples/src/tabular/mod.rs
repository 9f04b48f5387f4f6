//! `tabular`: a model of a table, from its file to predictions of new rows, without a choice to be made.
//!
//! `fit` reads a table, finds what its columns and its target are, compares candidates by the rows that each has not seen, and
//! calibrates the predictions by the same rows. `Saved` is the result on disk; `predict` says of new rows what it knows, and which of
//! them are unlike the training data.

mod calibrate;
mod candidates;
mod columns;
mod evaluate;
mod family;
mod fit;
mod importance;
mod network;
mod predict;
mod prediction;
mod read;
mod report;
mod saved;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod train;
mod unlike;

pub use calibrate::Calibrated;
pub use candidates::{Candidate, Compared, candidates};
pub use columns::{Kind, LeftOut};
pub use evaluate::{Scores, Verdict};
pub use family::Family;
pub use fit::{FitOptions, Fitted, fit};
pub use network::Network;
pub use predict::{Predictions, predict};
pub use prediction::{Numbers, Prediction};
pub use read::Reading;
pub use saved::Saved;
pub use target::{Target, Targets};
pub use text::Text;
