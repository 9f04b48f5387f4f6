//! Checks before the first transition of any sampler: the model with its data, and the weights where chains start.

use crate::data::Examples;
use crate::engine::{Real, Tape};
use crate::infer::LogJoint;
use crate::infer::batch::{Batch, check_moments};
use crate::infer::caught_panic::Batches;
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

/// Whether the log density and its gradient are finite at a chain's first weights.
pub(in crate::infer) fn check_start<M, L>(
    joint: &LogJoint<'_, M, L>,
    start: &Weights<M::Scalar>,
    chain: usize,
) -> Result<(), McmcError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    match non_finite_at(joint, start) {
        Some((term, value)) => Err(McmcError::Start { chain, term, value }),
        None => Ok(()),
    }
}

/// The name and the value of the first term of the log density on all data, or of its gradient, that is not finite at
/// these weights.
pub(in crate::infer) fn non_finite_at<M, L>(
    joint: &LogJoint<'_, M, L>,
    weights: &Weights<M::Scalar>,
) -> Option<(String, f64)>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let mut gradient = vec![M::Scalar::ZERO; weights.len()];
    let value = joint.gradient(weights, &mut gradient);
    if !value.is_finite() {
        let named = joint.first_non_finite(weights);
        return Some(named.unwrap_or_else(|| ("log density".to_owned(), value)));
    }
    let mut first = 0;
    for entry in weights.entries() {
        let slopes = &gradient[first..][..entry.tensor.len()];
        if let Some(&slope) = slopes.iter().find(|slope| !slope.is_finite()) {
            return Some((format!("gradient of `{}`", entry.name), slope.to_f64()));
        }
        first += slopes.len();
    }
    None
}
