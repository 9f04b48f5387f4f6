//! Checks before the first transition of any sampler: the model with its data, the weights where chains start, and the folder
//! of a checkpoint.

#[cfg(feature = "files")]
use std::path::Path;

use crate::data::Examples;
#[cfg(feature = "files")]
use crate::engine::io::FileError;
use crate::engine::{Real, Tape};
use crate::infer::LogJoint;
use crate::infer::batch::{Batch, check_moments};
use crate::infer::caught_panic::{Batches, CaughtPanic, catch_step};
use crate::infer::chains::McmcError;
use crate::infer::vi::TrainError;
use crate::likelihood::Likelihood;
use crate::model::forward_by::Own;
use crate::model::{Bayesian, Model};
use crate::weights::Weights;

/// Runs the model's forward and the likelihood once for each batch size that occurs with `size` examples at a time, and checks
/// the targets.
pub(in crate::infer) fn check_model<M, L>(
    model: &M,
    likelihood: &L,
    data: &Examples<M::Scalar, L::Targets>,
    size: usize,
) -> Result<(), TrainError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let shared = rayon::current_thread_index().is_some();
    let batches = Batches { examples: "data", inputs: data.inputs().shape(), size, shared };
    batches.check(|rows| {
        let mut batch = Batch::new(Tape::inference(), data);
        batch.gather(data, &(0..rows.min(data.len())).collect::<Vec<_>>());
        let (net, output) = batch.outputs::<M>(&Own, |tape| model.mean(tape));
        check_moments(likelihood, &net)?;
        data.observed().check(likelihood, output, batch.observed()).map_err(TrainError::Targets)?;
        batch.nll_of(likelihood, output);
        Ok(())
    })
}

/// Checks that the log density and its gradient are finite at a chain's first weights, and returns the density in nats.
pub(in crate::infer) fn check_start<M, L>(
    joint: &LogJoint<'_, M, L>,
    start: &Weights<M::Scalar>,
    chain: usize,
) -> Result<f64, McmcError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let shared = rayon::current_thread_index().is_some();
    let density = catch_step(shared, || finite_density(joint, start));
    let density = density.map_err(|panic| panicked(chain, 0, panic))?;
    density.map_err(|(term, value)| McmcError::Start { chain, term, value })
}

/// The log density on all data at these weights in nats, or the name and the value of the first of its terms, or of the
/// elements of its gradient, that is not finite.
pub(in crate::infer) fn finite_density<M, L>(
    joint: &LogJoint<'_, M, L>,
    weights: &Weights<M::Scalar>,
) -> Result<f64, (String, f64)>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let mut gradient = vec![M::Scalar::ZERO; weights.len()];
    let value = joint.gradient(weights, &mut gradient);
    if !value.is_finite() {
        let named = joint.first_non_finite(weights);
        return Err(named.unwrap_or_else(|| ("log density".to_owned(), value)));
    }
    let mut first = 0;
    for entry in weights.entries() {
        let slopes = &gradient[first..][..entry.tensor.len()];
        if let Some(&slope) = slopes.iter().find(|slope| !slope.is_finite()) {
            return Err((format!("gradient of `{}`", entry.name), slope.to_f64()));
        }
        first += slopes.len();
    }
    Ok(value)
}

/// The error for a panic at the weights of a chain after so many transitions.
pub(in crate::infer) fn panicked(chain: usize, transitions: usize, panic: CaughtPanic) -> McmcError {
    let CaughtPanic { message, place } = panic;
    McmcError::Panicked { chain, transitions, place, message }
}

/// Makes the folder of a checkpoint, and tries to write a file there, so that a run does not fail at its first save.
#[cfg(feature = "files")]
pub(in crate::infer) fn check_folder(folder: &Path) -> Result<(), McmcError> {
    let trial = folder.join(format!("trial-{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(&trial, [])?;
        std::fs::remove_file(&trial)
    };
    Ok(write().map_err(|source| FileError::Write { file: folder.to_owned(), source })?)
}
