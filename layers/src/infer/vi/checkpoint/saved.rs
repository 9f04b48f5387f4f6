//! `Saved`: a checkpoint that was opened, and how a training goes on from it.

use std::{fmt, fs, path};

use crate::checkpoint::{Kind, SavedFile, read_parameters};
use crate::engine::io::FileError;
use crate::engine::io::safetensors::Safetensors;
use crate::engine::{Order, Path, Real, Tensor};
use crate::infer::vi::checkpoint::contents::{
    BEST, COLUMNS, FACTS, Facts, HISTORY, KEPT, OPTIMIZER, Probe, SETTINGS, TRACE,
};
use crate::infer::vi::checkpoint::settings::{Texts, differences};
use crate::infer::vi::checkpoint::{Whereabouts, error};
use crate::infer::vi::snapshot::Snapshot;
use crate::infer::vi::state::State;
use crate::infer::vi::{Epoch, TrainError};
use crate::model::Bayesian;
use crate::optim::{Optimizer, OptimizerState};

/// A checkpoint that was opened.
pub(in crate::infer::vi) struct Saved {
    file: SavedFile,
    facts: Facts,
    /// Newer files that cannot be read, and why.
    skipped: Vec<String>,
}

impl Saved {
    /// # Errors
    /// If the file is not a checkpoint of a training.
    pub(super) fn of(file: SavedFile) -> Result<Saved, TrainError> {
        if file.head.kind != Kind::Training {
            let path = file.path.display();
            return Err(TrainError::Checkpoint(format!("{path}: it holds a model alone, not a training")));
        }
        let facts = file.metadata(FACTS).map_err(error)?;
        Ok(Saved { file, facts, skipped: Vec::new() })
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, TrainError> {
        let file = &self.file.path;
        fs::read(file).map_err(|source| error(FileError::Read { file: file.clone(), source }))
    }

    /// What another rank has read from a file.
    ///
    /// # Errors
    /// If it is damaged.
    pub(super) fn of_bytes(path: &path::Path, bytes: Vec<u8>) -> Result<Saved, TrainError> {
        let file = Safetensors::from_bytes(path, bytes).map_err(error)?;
        Saved::of(SavedFile::of(path, file).map_err(error)?)
    }

    pub(super) fn after(self, skipped: Vec<String>) -> Saved {
        Saved { skipped, ..self }
    }

    pub(super) fn lowest(&self) -> f64 {
        self.facts.lowest
    }

    fn other(&self, mistake: impl fmt::Display) -> TrainError {
        TrainError::Checkpoint(format!(
            "{}: the checkpoint is of another training. {mistake}. Nothing was changed; use another folder, or what that training \
             had",
            self.file.path.display()
        ))
    }

    fn broken(&self, mistake: impl fmt::Display) -> TrainError {
        TrainError::Checkpoint(format!("{}: {mistake}", self.file.path.display()))
    }

    /// # Errors
    /// If it began elsewhere, or the settings differ.
    pub(super) fn check(&self, settings: &Texts, begun: [usize; 2]) -> Result<(), TrainError> {
        let ([its, _], [now, _]) = (self.facts.begun, begun);
        if self.facts.begun != begun {
            return Err(self.other(format!("It began after {its} steps, and this one begins after {now}")));
        }
        let saved: Texts = self.file.metadata(SETTINGS).map_err(error)?;
        differences([("saved", &saved), ("now", settings)]).map_or(Ok(()), |mistake| Err(self.other(mistake)))
    }

    /// Sets the model, the optimiser and the state of a training that begins `at` to those of the checkpoint, and returns the steps
    /// and epochs. `probe` computes both terms of the loss after so many steps and epochs, and steps of the epoch.
    ///
    /// # Errors
    /// If the checkpoint is of another training, or broken. All of them are then unchanged.
    pub(in crate::infer::vi) fn resume<M: Bayesian, O: Optimizer>(
        &self,
        model: &mut M,
        optimizer: &mut O,
        state: &mut State<'_, M::Scalar>,
        at: Whereabouts,
        probe: impl FnOnce(&mut M, [usize; 2], usize) -> Option<[f64; 2]>,
    ) -> Result<[usize; 2], TrainError> {
        let counts = self.facts.counts;
        let tensors = read_parameters(model, &self.file).map_err(error)?;
        let of_optimizer = self.optimizer()?;
        let restored = self.restored(model, state, at)?;
        let mut before = Snapshot::default();
        before.take(model);
        Order::of(model).each_mut(model, |index, _, tensor| tensor.data_mut().copy_from_slice(tensors[index].data()));
        let found = probe(model, counts, self.facts.epoch.steps);
        // The optimiser is set last, and only if everything else fits.
        let resumed = self.is_probe::<M::Scalar>(found).map_err(|mistake| self.other(mistake));
        let resumed =
            resumed.and_then(|()| optimizer.load_state(model, &of_optimizer).map_err(|mistake| self.broken(mistake)));
        match resumed {
            Ok(()) => restored.set(state, &self.facts),
            Err(_) => before.restore(model),
        }
        resumed.map(|()| counts)
    }

    /// Checks the terms of the loss at the checkpoint, up to what another processor may round.
    fn is_probe<T: Real>(&self, found: Option<[f64; 2]>) -> Result<(), String> {
        let Probe { nll, kl } = self.facts.probe;
        let rounding = if size_of::<T>() == 4 { f64::from(f32::EPSILON) } else { f64::EPSILON }.sqrt();
        let near = |saved: f64, now: f64| (saved - now).abs() <= rounding * (1.0 + saved.abs());
        match found {
            Some([its, divergence]) if near(nll, its) && near(kl, divergence) => Ok(()),
            Some([its, divergence]) => Err(format!(
                "At its parameters, the NLL of a batch was {nll} and is {its} nats per example, and the divergence was {kl} and is \
                 {divergence} nats: the model, its priors or the likelihood have changed"
            )),
            None => Err("At its parameters, the loss is not finite".to_owned()),
        }
    }

    fn optimizer<T: Real>(&self) -> Result<OptimizerState<T>, TrainError> {
        let mut state = OptimizerState::new();
        for (name, number) in &self.facts.optimizer {
            state.set_number(name, number.0);
        }
        for name in self.file.file.names() {
            if let Some(own) = name.strip_prefix(OPTIMIZER) {
                state.set_tensor(own, self.file.file.tensor(name).map_err(error)?);
            }
        }
        Ok(state)
    }

    /// The rest of the state.
    fn restored<M: Bayesian>(
        &self,
        model: &M,
        state: &State<'_, M::Scalar>,
        at: Whereabouts,
    ) -> Result<Restored<M::Scalar>, TrainError> {
        let epochs = self.history()?;
        let Facts { begun, counts, epoch, trace, best, stage, .. } = &self.facts;
        let done = epochs.len().checked_mul(at.batches).and_then(|steps| steps.checked_add(epoch.steps));
        let steps = done.and_then(|done| done.checked_add(at.first));
        let Some(done) = done.filter(|&done| {
            let counted = steps == Some(counts[0]) && counts[1].checked_sub(begun[1]) == Some(epochs.len());
            counted && epoch.steps < at.batches && done > 0
        }) else {
            return Err(self.broken(format!(
                "after {} epochs of {} steps it cannot be at {counts:?}",
                epochs.len(),
                at.batches
            )));
        };
        let means: Tensor<f64> = self.file.file.tensor(TRACE).map_err(error)?;
        let trace = trace.clone().with_means(means.data().to_vec(), done).map_err(|mistake| self.broken(mistake))?;
        state.plan.can_go_on_from(*stage, done).map_err(|mistake| self.broken(mistake))?;
        let (kept, best_parameters) = (self.snapshot(KEPT, model)?, self.snapshot(BEST, model)?);
        let is_epoch = |best: &Option<_>| best.is_some() == state.best.is_some();
        if !is_epoch(best) || best.is_some_and(|best| best.epoch > epochs.len()) {
            return Err(self.broken("its best epoch is not one of its epochs"));
        }
        if best.is_some_and(|best| best.epoch > 0) && best_parameters.tensors().is_empty() {
            return Err(self.broken("the parameters of its best epoch are missing"));
        }
        if stage.needs_kept() && kept.tensors().is_empty() {
            return Err(self.broken("the parameters to which its plan may return are missing"));
        }
        Ok(Restored { epochs, trace, kept, best: best_parameters })
    }

    /// The epochs that have ended.
    fn history(&self) -> Result<Vec<Epoch>, TrainError> {
        let empty = Epoch {
            nll: 0.0,
            kl: 0.0,
            kl_weight: 0.0,
            elbo: 0.0,
            validation_nll: None,
            rate_factor: 0.0,
            seconds: 0.0,
        };
        let mut epochs = Vec::new();
        for (name, _, set) in COLUMNS {
            let name = format!("{HISTORY}{name}");
            if name.ends_with("validation_nll") && self.file.file.info(&name).is_none() {
                continue;
            }
            let column: Tensor<f64> = self.file.file.tensor(&name).map_err(error)?;
            if epochs.is_empty() {
                epochs = vec![empty; column.len()];
            }
            if column.len() != epochs.len() {
                return Err(self.broken(format!("`{name}` has {} epochs, expected {}", column.len(), epochs.len())));
            }
            epochs.iter_mut().zip(column.data()).for_each(|(epoch, &x)| set(epoch, x));
        }
        Ok(epochs)
    }

    /// A copy of the model's tensors; empty if the file has none.
    fn snapshot<M: Bayesian>(&self, group: &str, model: &M) -> Result<Snapshot<M::Scalar>, TrainError> {
        let file = &self.file.file;
        if !file.names().any(|name| name.starts_with(group)) {
            return Ok(Snapshot::default());
        }
        let (mut tensors, mut mistake) = (Vec::new(), None);
        model.visit(&Path::ROOT, &mut |path, _, tensor| {
            let name = format!("{group}{path}");
            match file.tensor::<M::Scalar>(&name) {
                Ok(read) if read.shape() == tensor.shape() => tensors.push(read),
                Ok(_) => mistake = Some(self.broken(format!("`{name}` has another shape than in the model"))),
                Err(found) => mistake = Some(error(found)),
            }
        });
        mistake.map_or(Ok(Snapshot::of(tensors)), Err)
    }
}

/// What was read of a state.
struct Restored<T: Real> {
    epochs: Vec<Epoch>,
    trace: crate::infer::vi::trace::Trace,
    kept: Snapshot<T>,
    best: Snapshot<T>,
}

impl<T: Real> Restored<T> {
    fn set(self, state: &mut State<'_, T>, facts: &Facts) {
        state.plan.go_on_from(facts.stage);
        (state.epoch, state.norm, state.is_ended) = (facts.epoch, facts.norm, facts.is_ended);
        (state.trace, state.kept, state.report.epochs) = (self.trace, self.kept, self.epochs);
        if let (Some(best), Some(saved)) = (&mut state.best, facts.best) {
            best.set((saved.value, saved.epoch), self.best);
        }
    }
}

/// In words: what is taken.
impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for skipped in &self.skipped {
            writeln!(f, "skipped a newer checkpoint: {skipped}")?;
        }
        let [steps, epochs] = self.facts.counts;
        write!(f, "going on after step {steps} (epoch {epochs}) from {}", self.file.path.display())
    }
}
