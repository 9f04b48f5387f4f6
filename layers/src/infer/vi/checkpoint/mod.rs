//! Checkpoints of a training: where and how often (`options`), what tells it from others (`settings`), the folder (`store`), and
//! what is in a file (`contents` writes it, `saved` reads it).

mod contents;
mod options;
mod saved;
mod settings;
mod store;

pub use options::Checkpoint;
pub(super) use settings::Settings;
pub(super) use store::Store;

use crate::checkpoint::CheckpointError;
use crate::infer::vi::TrainError;

/// Where a training began, in steps and epochs, and the steps of an epoch.
#[derive(Clone, Copy)]
pub(super) struct Whereabouts {
    /// Its first step.
    pub(super) first: usize,
    /// The steps and epochs before it.
    pub(super) begun: [usize; 2],
    pub(super) batches: usize,
}

fn error(error: impl Into<CheckpointError>) -> TrainError {
    TrainError::Checkpoint(error.into().to_string())
}
