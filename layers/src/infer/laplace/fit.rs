//! Fits a Laplace approximation: checks, the prior at the mode, and passes over the data for the curvature and the gradient.

use crate::data::{Examples, Targets};
use crate::engine::Tape;
use crate::infer::batch::Batch;
use crate::infer::caught_panic::Batches;
use crate::infer::laplace::blocks::{Structure, Summed};
use crate::infer::laplace::chosen::{Choice, Chosen};
use crate::infer::laplace::gauss_newton::gauss_newton;
use crate::infer::laplace::gradient;
use crate::infer::laplace::hessian::hessian;
use crate::infer::laplace::layout::Layout;
use crate::infer::laplace::mode::Mode;
use crate::infer::laplace::posterior::AtMode;
use crate::infer::laplace::prior::Prior;
use crate::infer::laplace::{LaplaceError, LaplacePosterior};
use crate::infer::vi::TrainError;
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::forward_by::{AnyOutputs, Outputs};

/// The largest batch of the trial.
const TRIED: usize = 256;

/// What is approximated, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method<'a> {
    pub(super) structure: Structure,
    pub(super) choice: &'a Choice,
    pub(super) is_hessian: bool,
}

pub(super) fn fit<'m, M, L>(
    likelihood: &L,
    method: Method<'_>,
    model: &'m M,
    forward: AnyOutputs<'m, M>,
    data: &Examples<M::Scalar, L::Targets>,
) -> Result<LaplacePosterior<'m, M>, LaplaceError>
where
    M: Bayesian + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let axes = check(likelihood, model, &forward, data, "data")?;
    let weights = model.mean_weights().unconstrained()?;
    let rows = |rows: &[usize]| {
        let mut some = data.inputs().empty_like();
        data.inputs().gather(rows, &mut some);
        some
    };
    let layout = Layout::of(model, &forward, &weights, [&rows(&[0]), &rows(&[0, 0])]);
    let chosen = Chosen::of(method.choice, &weights, &layout)?;
    let mut blocks = Summed::all(method.structure, &chosen, &layout)?;
    let prior = Prior::read(model, &weights, &chosen)?;
    let mode = Mode { model, forward, weights, chosen, layout, axes };
    match method.is_hessian {
        true => hessian(&mode, likelihood, data, &prior, &mut blocks)?,
        false => gauss_newton(&mode, likelihood, data, &mut blocks)?,
    }
    let (log_likelihood, slopes) = gradient::log_likelihood(&mode, likelihood, data, &mode.weights);
    let bad = |what: &str| Err(LaplaceError::NotFinite { what: what.to_owned() });
    if !log_likelihood.is_finite() {
        return bad("the log-likelihood");
    }
    if !slopes.iter().all(|slope| slope.is_finite()) {
        return bad("the gradient of the log-likelihood");
    }
    let blocks = blocks.into_iter().map(Summed::finish).collect();
    LaplacePosterior::new(mode, blocks, prior, AtMode { log_likelihood, slopes })
}

/// Runs the model's forward and the likelihood once for each batch size, checks the targets, and returns the shape of one example's
/// output. `examples` is what error messages call the data.
pub(super) fn check<M, L>(
    likelihood: &L,
    model: &M,
    forward: &impl Outputs<M>,
    data: &Examples<M::Scalar, L::Targets>,
    examples: &'static str,
) -> Result<Vec<usize>, LaplaceError>
where
    M: Bayesian,
    L: Likelihood<M::Scalar>,
{
    let shared = rayon::current_thread_index().is_some();
    let batches = Batches { examples, inputs: data.inputs().shape(), size: TRIED, shared };
    batches.check(|rows| {
        let mut batch = Batch::new(Tape::inference(), data);
        batch.gather(data, &(0..rows.min(data.len())).collect::<Vec<_>>());
        let (_, output) = batch.outputs::<M>(forward, |tape| model.mean(tape));
        data.observed().check(likelihood, output, batch.observed()).map_err(TrainError::Targets)?;
        batch.nll_of(likelihood, output);
        Ok(())
    })?;
    let mut batch = Batch::new(Tape::inference(), data);
    batch.gather(data, &[0]);
    let (_, output) = batch.outputs::<M>(forward, |tape| model.mean(tape));
    Ok(output.shape()[1..].to_vec())
}
