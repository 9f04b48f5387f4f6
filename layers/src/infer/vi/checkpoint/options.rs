//! `Checkpoint`: where and how often a training is saved.

use std::path::{Path, PathBuf};

/// Where and how often a training is saved: [`Elbo::checkpoint`](crate::Elbo::checkpoint). Without further options after each epoch,
/// keeping the last two.
///
/// The folder then has `step-<number>.safetensors`, from which the training goes on and [`load`](crate::SaveParameters::load) takes
/// the model; `best.safetensors` with [`keep_best`](Checkpoint::keep_best); and `lock`, which one process holds.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Checkpoint {
    pub(super) folder: PathBuf,
    /// `None` if only time counts.
    pub(super) epochs: Option<usize>,
    pub(super) minutes: Option<f64>,
    pub(super) keep: usize,
    pub(super) keep_best: bool,
}

impl Checkpoint {
    /// In this folder, which is made if it does not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Checkpoint { folder: folder.into(), epochs: None, minutes: None, keep: 2, keep_best: false }
    }

    /// Saves after every `epochs` epochs.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn every_epochs(self, epochs: usize) -> Self {
        assert!(epochs > 0, "Checkpoint: at least one epoch is needed from save to save, got 0");
        Checkpoint { epochs: Some(epochs), ..self }
    }

    /// Saves after the step in which this many minutes have passed since the last save, within an epoch, too. With
    /// [`every_epochs`](Checkpoint::every_epochs), whichever comes first.
    ///
    /// # Panics
    /// If it is not positive and finite.
    #[track_caller]
    pub fn every_minutes(self, minutes: f64) -> Self {
        let fits = minutes > 0.0 && minutes.is_finite();
        assert!(fits, "Checkpoint: the minutes from save to save must be positive and finite, got {minutes}");
        Checkpoint { minutes: Some(minutes), ..self }
    }

    /// Keeps this many of the last checkpoints. The one before the last is there for a disk that damages the last.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn keep(self, checkpoints: usize) -> Self {
        assert!(checkpoints > 0, "Checkpoint: at least one must be kept, got 0");
        Checkpoint { keep: checkpoints, ..self }
    }

    /// Keeps the model of the best epoch so far in `best.safetensors`: that of the lowest NLL of the validation set, or without one
    /// of the highest bound.
    pub fn keep_best(self) -> Self {
        Checkpoint { keep_best: true, ..self }
    }

    /// In a folder below this one.
    pub(in crate::infer) fn below(self, folder: &str) -> Self {
        Checkpoint { folder: self.folder.join(folder), ..self }
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }

    pub(super) fn best(&self) -> PathBuf {
        self.folder.join("best.safetensors")
    }

    /// The file of a training after this many steps.
    pub(super) fn file(&self, steps: usize) -> PathBuf {
        self.folder.join(format!("step-{steps:012}.safetensors"))
    }

    /// The steps of the training in this file; `None` if it is not a checkpoint.
    pub(super) fn steps(file: &Path) -> Option<usize> {
        file.file_name()?.to_str()?.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok()
    }

    /// Whether this file was not written to its end.
    pub(super) fn is_part(file: &Path) -> bool {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        (name.starts_with(".step-") || name.starts_with(".best.")) && name.ends_with(".part")
    }
}
