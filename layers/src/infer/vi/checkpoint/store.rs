//! `Store`: the folder of a training's checkpoints, which one process holds.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::checkpoint::{CheckpointError, SaveParameters, SavedFile};
use crate::clock::Clock;
use crate::data::{Examples, Targets};
use crate::engine::Real;
use crate::engine::io::FileError;
use crate::infer::vi::agreement::Agreement;
use crate::infer::vi::checkpoint::contents::contents;
use crate::infer::vi::checkpoint::saved::Saved;
use crate::infer::vi::checkpoint::settings::Texts;
use crate::infer::vi::checkpoint::{Checkpoint, Settings, Whereabouts, error};
use crate::infer::vi::state::State;
use crate::infer::vi::training::Validation;
use crate::infer::vi::{Epoch, TrainError};
use crate::model::Bayesian;
use crate::optim::{Optimizer, OptimizerState};

/// The name of the optimiser's settings among all.
const OPTIMIZER: &str = "optimiser";

/// The folder of a training's checkpoints. Of several ranks, the first has the folder; all get its errors.
pub(in crate::infer::vi) struct Store<'e> {
    agreement: Agreement<'e>,
    options: Checkpoint,
    settings: Texts,
    /// Held by the first rank until the training returns, or the process ends.
    _lock: Option<File>,
    /// Since the last save.
    since: Clock,
    /// The lowest loss of an epoch.
    lowest: f64,
}

impl<'e> Store<'e> {
    /// Opens the folder; `None` without a checkpoint.
    ///
    /// # Errors
    /// If the folder cannot be made or written, or another process trains in it.
    pub(in crate::infer::vi) fn open<T: Real, L, Y: Targets>(
        settings: &Settings<'_>,
        likelihood: &L,
        data: &Examples<T, Y>,
        validation: Option<&Validation<'_, T, Y>>,
        agreement: Agreement<'e>,
    ) -> Result<Option<Self>, TrainError> {
        let Some(options) = settings.options.checkpoint.clone() else { return Ok(None) };
        let settings = settings.texts(likelihood, data, validation);
        let mut store =
            Store { agreement, options, settings, _lock: None, since: Clock::start(), lowest: f64::INFINITY };
        store._lock = agreement.on_first(|| store.lock())?;
        Ok(Some(store))
    }

    /// Makes the folder, and locks it.
    fn lock(&self) -> Result<File, TrainError> {
        let options = &self.options;
        fs::create_dir_all(&options.folder).map_err(|source| not_written(&options.folder, source))?;
        let file = options.lock();
        let lock = File::options().create(true).truncate(false).write(true).open(&file);
        let lock = lock.map_err(|source| not_written(&file, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(TrainError::Checkpoint(format!(
                    "{}: another training holds this folder; wait for its end, or use another folder",
                    file.display()
                )));
            }
            Err(TryLockError::Error(source)) => return Err(not_written(&file, source)),
        }
        // What a process that was killed has begun.
        for part in self.files()?.into_iter().filter(|file| Checkpoint::is_part(file)) {
            fs::remove_file(&part).map_err(|source| not_written(&part, source))?;
        }
        Ok(lock)
    }

    fn files(&self) -> Result<Vec<PathBuf>, TrainError> {
        let folder = &self.options.folder;
        let names = fs::read_dir(folder).and_then(|names| names.map(|name| Ok(name?.path())).collect());
        names.map_err(|source| error(FileError::Read { file: folder.clone(), source }))
    }

    /// The checkpoints by their steps.
    fn checkpoints(&self) -> Result<BTreeMap<usize, PathBuf>, TrainError> {
        Ok(self.files()?.into_iter().filter_map(|file| Some((Checkpoint::steps(&file)?, file))).collect())
    }

    /// The latest checkpoint that can be read, of a training that has begun after so many steps and epochs; `None` without one.
    ///
    /// # Errors
    /// If there are some and none can be read, if it is of another training, or if the optimiser cannot be saved.
    pub(in crate::infer::vi) fn latest<M: Bayesian, O: Optimizer>(
        &mut self,
        model: &M,
        optimizer: &O,
        begun: [usize; 2],
    ) -> Result<Option<Saved>, TrainError> {
        let settings = state_of(model, optimizer)?.settings().to_owned();
        self.settings.insert(OPTIMIZER.to_owned(), settings);
        let agreement = self.agreement;
        let found = agreement.on_first(|| self.newest(begun))?.flatten();
        if agreement.is_alone() {
            return Ok(found);
        }
        // The others may not see the folder.
        let bytes = agreement.on_first(|| found.as_ref().map_or(Ok(Vec::new()), Saved::bytes))?;
        let bytes = agreement.bytes(bytes.unwrap_or_default());
        if agreement.is_first() || bytes.is_empty() {
            return Ok(found);
        }
        Saved::of_bytes(&self.options.folder, bytes).map(Some)
    }

    /// The latest checkpoint that can be read.
    fn newest(&mut self, begun: [usize; 2]) -> Result<Option<Saved>, TrainError> {
        let mut skipped = Vec::new();
        for file in self.checkpoints()?.into_values().rev() {
            let opened = match SavedFile::open(&file) {
                // It says what to do, and an older one would lose what it has.
                Err(later @ CheckpointError::Later { .. }) => return Err(error(later)),
                opened => opened.map_err(error).and_then(Saved::of),
            };
            match opened {
                Ok(saved) => {
                    saved.check(&self.settings, begun)?;
                    self.lowest = saved.lowest();
                    return Ok(Some(saved.after(skipped)));
                }
                Err(mistake) => skipped.push(mistake.to_string()),
            }
        }
        if skipped.is_empty() {
            return Ok(None);
        }
        Err(TrainError::Checkpoint(format!(
            "no checkpoint in {} can be read: {}. To begin anew, remove them or use another folder",
            self.options.folder.display(),
            skipped.join("; ")
        )))
    }

    /// Whether to save within an epoch.
    pub(in crate::infer::vi) fn is_due_in_epoch(&self) -> bool {
        self.agreement.is_first() && self.options.minutes.is_some_and(|minutes| self.since.seconds() >= 60.0 * minutes)
    }

    /// Whether to save after epoch `number`, from 1.
    pub(in crate::infer::vi) fn is_due_after_epoch(&self, number: usize) -> bool {
        let Checkpoint { epochs, minutes, .. } = self.options;
        let every = epochs.or(minutes.is_none().then_some(1));
        self.is_due_in_epoch() || every.is_some_and(|every| number.is_multiple_of(every))
    }

    /// Saves the model after an epoch that is the best so far, if that is wanted.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(in crate::infer::vi) fn keep_if_best<M: Bayesian>(
        &mut self,
        model: &M,
        epoch: &Epoch,
    ) -> Result<(), TrainError> {
        let agreement = self.agreement;
        let kept = agreement.on_first(|| {
            let loss = epoch.validation_nll.unwrap_or(-epoch.elbo);
            if loss < self.lowest {
                if self.options.keep_best {
                    model.save(self.options.best()).map_err(error)?;
                }
                self.lowest = loss;
            }
            Ok(())
        });
        kept.map(drop)
    }

    /// Saves everything, and removes what is older than the checkpoints to keep.
    ///
    /// # Errors
    /// If the file cannot be written. The earlier ones then stay.
    pub(in crate::infer::vi) fn save<M: Bayesian, O: Optimizer>(
        &mut self,
        model: &M,
        optimizer: &O,
        state: &State<'_, M::Scalar>,
        at: Whereabouts,
        (counts, probe): ([usize; 2], [f64; 2]),
    ) -> Result<(), TrainError> {
        let saved = self.agreement.on_first(|| self.write(model, optimizer, state, at, (counts, probe)));
        self.since = Clock::start();
        saved.map(drop)
    }

    fn write<M: Bayesian, O: Optimizer>(
        &self,
        model: &M,
        optimizer: &O,
        state: &State<'_, M::Scalar>,
        at: Whereabouts,
        (counts, probe): ([usize; 2], [f64; 2]),
    ) -> Result<(), TrainError> {
        let of_optimizer = state_of(model, optimizer)?;
        let settings = (&self.settings, self.lowest);
        let file = self.options.file(counts[0]);
        contents(model, &of_optimizer, state, at, (counts, probe), settings).write(&file).map_err(error)?;
        let mut older: Vec<PathBuf> =
            self.checkpoints()?.into_iter().filter(|&(steps, _)| steps <= counts[0]).map(|(_, file)| file).collect();
        older.truncate(older.len().saturating_sub(self.options.keep));
        for file in older {
            fs::remove_file(&file).map_err(|source| not_written(&file, source))?;
        }
        Ok(())
    }
}

/// # Errors
/// If the optimiser cannot be saved.
fn state_of<M: Bayesian, O: Optimizer>(model: &M, optimizer: &O) -> Result<OptimizerState<M::Scalar>, TrainError> {
    let mut state = OptimizerState::new();
    optimizer.save_state(model, &mut state).map_err(TrainError::Options)?;
    Ok(state)
}

fn not_written(file: &Path, source: io::Error) -> TrainError {
    error(FileError::Write { file: file.to_owned(), source })
}
