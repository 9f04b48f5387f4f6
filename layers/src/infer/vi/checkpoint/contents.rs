//! What is in a checkpoint, and how it is written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Head, Kind, add_parameters, exact, json};
use crate::engine::io::safetensors::Contents;
use crate::engine::{Parameters, Path, Tensor};
use crate::infer::vi::Epoch;
use crate::infer::vi::checkpoint::Whereabouts;
use crate::infer::vi::checkpoint::settings::Texts;
use crate::infer::vi::clip::RunningNorm;
use crate::infer::vi::plan::Stage;
use crate::infer::vi::snapshot::Snapshot;
use crate::infer::vi::state::{CurrentEpoch, State};
use crate::infer::vi::trace::Trace;
use crate::model::Bayesian;
use crate::optim::OptimizerState;

/// The keys of the metadata.
pub(super) const FACTS: &str = "training";
pub(super) const SETTINGS: &str = "settings";

/// The groups of tensors beside those of the model.
pub(super) const OPTIMIZER: &str = "optimizer/";
pub(super) const KEPT: &str = "kept/";
pub(super) const BEST: &str = "best/";
pub(super) const HISTORY: &str = "history/";
pub(super) const TRACE: &str = "trace/means";

/// Everything in a checkpoint that is not a tensor.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Facts {
    /// The steps and epochs before this training.
    pub(super) begun: [usize; 2],
    /// Those at the checkpoint.
    pub(super) counts: [usize; 2],
    pub(super) is_ended: bool,
    pub(super) probe: Probe,
    pub(super) stage: Stage,
    pub(super) epoch: CurrentEpoch,
    pub(super) norm: RunningNorm,
    pub(super) trace: Trace,
    /// Of early stopping.
    pub(super) best: Option<BestEpoch>,
    /// The lowest loss of an epoch, for the best file.
    #[serde(with = "exact")]
    pub(super) lowest: f64,
    pub(super) optimizer: BTreeMap<String, Number>,
}

/// Both terms of the loss at the checkpoint, on the last batch, in nats: they show any change of the model, its priors and the
/// likelihood.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Probe {
    #[serde(with = "exact")]
    pub(super) nll: f64,
    #[serde(with = "exact")]
    pub(super) kl: f64,
}

/// The best epoch of early stopping.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct BestEpoch {
    #[serde(with = "exact")]
    pub(super) value: f64,
    pub(super) epoch: usize,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Number(#[serde(with = "exact")] pub(super) f64);

/// A number of an epoch: its name in the file, and how it is read and written.
type Column = (&'static str, fn(&Epoch) -> f64, fn(&mut Epoch, f64));

/// What a file has of each epoch. The validation NLL is only there with a validation set.
pub(super) const COLUMNS: [Column; 7] = [
    ("nll", |epoch| epoch.nll, |epoch, x| epoch.nll = x),
    ("kl", |epoch| epoch.kl, |epoch, x| epoch.kl = x),
    ("kl_weight", |epoch| epoch.kl_weight, |epoch, x| epoch.kl_weight = x),
    ("elbo", |epoch| epoch.elbo, |epoch, x| epoch.elbo = x),
    ("rate_factor", |epoch| epoch.rate_factor, |epoch, x| epoch.rate_factor = x),
    ("seconds", |epoch| epoch.seconds, |epoch, x| epoch.seconds = x),
    ("validation_nll", |epoch| epoch.validation_nll.unwrap_or(f64::NAN), |epoch, x| epoch.validation_nll = Some(x)),
];

/// The contents of a checkpoint.
pub(super) fn contents<M: Bayesian>(
    model: &M,
    optimizer: &OptimizerState<M::Scalar>,
    state: &State<'_, M::Scalar>,
    at: Whereabouts,
    (counts, [nll, kl]): ([usize; 2], [f64; 2]),
    (settings, lowest): (&Texts, f64),
) -> Contents {
    let mut contents = Contents::new();
    add_parameters(&mut contents, model);
    for (name, tensor) in optimizer.tensors() {
        contents.tensor(&format!("{OPTIMIZER}{name}"), tensor);
    }
    add_snapshot(&mut contents, KEPT, model, &state.kept);
    if let Some(best) = &state.best {
        add_snapshot(&mut contents, BEST, model, best.parameters());
    }
    let epochs = &state.report.epochs;
    let is_validated = epochs.iter().all(|epoch| epoch.validation_nll.is_some());
    for (name, of, _) in COLUMNS.iter().filter(|(name, ..)| is_validated || *name != "validation_nll") {
        let numbers: Vec<f64> = epochs.iter().map(of).collect();
        contents.tensor(&format!("{HISTORY}{name}"), &Tensor::<f64>::new([epochs.len()], numbers));
    }
    let means = state.trace.means();
    contents.tensor(TRACE, &Tensor::<f64>::new([means.len()], means));
    let facts = Facts {
        begun: at.begun,
        counts,
        is_ended: state.is_ended,
        probe: Probe { nll, kl },
        stage: state.plan.stage(),
        epoch: state.epoch,
        norm: state.norm,
        trace: state.trace.clone(),
        best: state.best.as_ref().map(|best| best.value()).map(|(value, epoch)| BestEpoch { value, epoch }),
        lowest,
        optimizer: optimizer.numbers().iter().map(|(name, &number)| (name.clone(), Number(number))).collect(),
    };
    contents.metadata(FACTS, &json(&facts));
    contents.metadata(SETTINGS, &json(settings));
    Head::new::<M, M::Scalar>(Kind::Training).seal(&mut contents);
    contents
}

fn add_snapshot<M: Parameters>(contents: &mut Contents, group: &str, model: &M, snapshot: &Snapshot<M::Scalar>) {
    let mut tensors = snapshot.tensors().iter();
    model.visit(&Path::ROOT, &mut |path, _, _| {
        if let Some(tensor) = tensors.next() {
            contents.tensor(&format!("{group}{path}"), tensor);
        }
    });
}
