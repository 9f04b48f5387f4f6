//! Fits a Laplace approximation: checks, the prior at the mode, and one pass over the data for the curvature.

use crate::data::{Examples, Observed, Targets};
use crate::engine::threads::map_tasks;
use crate::engine::{Real, Tape, Tensor};
use crate::infer::batch::Batch;
use crate::infer::caught_panic::Batches;
use crate::infer::laplace::blocks::{Structure, Summed};
use crate::infer::laplace::chosen::{Choice, Chosen};
use crate::infer::laplace::hessian::hessian;
use crate::infer::laplace::jacobian::Jacobian;
use crate::infer::laplace::layout::Layout;
use crate::infer::laplace::mode::Mode;
use crate::infer::laplace::output_hessian::output_hessians;
use crate::infer::laplace::prior::Prior;
use crate::infer::laplace::{LaplaceError, LaplacePosterior};
use crate::infer::vi::TrainError;
use crate::likelihood::Likelihood;
use crate::model::forward_by::Own;
use crate::model::{Bayesian, Model};

/// Batches whose Jacobians are held at a time, whatever the number of threads.
const TOGETHER: usize = 8;

/// The largest batch of the trial.
const TRIED: usize = 256;

pub(super) fn fit<'m, M, L>(
    likelihood: &L,
    structure: Structure,
    choice: &Choice,
    is_hessian: bool,
    model: &'m M,
    data: &Examples<M::Scalar, L::Targets>,
) -> Result<LaplacePosterior<'m, M>, LaplaceError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let axes = check(likelihood, model, data)?;
    let weights = model.mean_weights().unconstrained()?;
    let rows = |rows: &[usize]| {
        let mut some = data.inputs().empty_like();
        data.inputs().gather(rows, &mut some);
        some
    };
    let layout = Layout::of(model, &weights, [&rows(&[0]), &rows(&[0, 0])]);
    let chosen = Chosen::of(choice, &weights, &layout)?;
    let mut blocks = Summed::all(structure, &chosen, &layout)?;
    let prior = Prior::read(model, &weights, &chosen)?;
    let mode = Mode { model, weights, chosen, layout, axes };
    let log_likelihood = if is_hessian {
        hessian(&mode, likelihood, data, &mut blocks)?
    } else {
        gauss_newton(&mode, likelihood, data, &mut blocks)?
    };
    if !log_likelihood.is_finite() {
        return Err(LaplaceError::NotFinite { what: "the log-likelihood".to_owned() });
    }
    LaplacePosterior::new(mode, blocks.into_iter().map(Summed::finish).collect(), prior, log_likelihood)
}

/// Runs the model's forward and the likelihood once, checks the targets, and returns the shape of one example's output.
fn check<M, L>(likelihood: &L, model: &M, data: &Examples<M::Scalar, L::Targets>) -> Result<Vec<usize>, LaplaceError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let shared = rayon::current_thread_index().is_some();
    let batches = Batches { examples: "data", inputs: data.inputs().shape(), size: TRIED, shared };
    batches.check(|rows| {
        let mut batch = Batch::new(Tape::inference(), data);
        batch.gather(data, &(0..rows.min(data.len())).collect::<Vec<_>>());
        let (_, output) = batch.outputs::<M>(&Own, |tape| model.mean(tape));
        data.observed().check(likelihood, output, batch.observed()).map_err(TrainError::Targets)?;
        batch.nll_of(likelihood, output);
        Ok(())
    })?;
    let mut batch = Batch::new(Tape::inference(), data);
    batch.gather(data, &[0]);
    let (_, output) = batch.outputs::<M>(&Own, |tape| model.mean(tape));
    Ok(output.shape()[1..].to_vec())
}

/// Adds Jᵀ H J of all examples to the blocks, and returns their log-likelihood at the mode.
fn gauss_newton<M, L>(
    mode: &Mode<'_, M>,
    likelihood: &L,
    data: &Examples<M::Scalar, L::Targets>,
    blocks: &mut [Summed],
) -> Result<f64, LaplaceError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let at_once = mode.rows_at_once();
    let batches = data.len().div_ceil(at_once);
    let mut log_likelihood = 0.0;
    for first in (0..batches).step_by(TOGETHER) {
        let parts = map_tasks(
            TOGETHER.min(batches - first),
            || data.empty_minibatch(),
            |batch, task| {
                let start = (first + task) * at_once;
                data.gather(&(start..data.len().min(start + at_once)).collect::<Vec<_>>(), batch);
                let jacobian = mode.jacobian(batch.inputs());
                let hessians = output_hessians(likelihood, batch.observed(), &jacobian.values);
                let nats = log_likelihood_of(likelihood, batch.observed(), &jacobian.values);
                (jacobian, hessians, nats)
            },
        );
        for (jacobian, hessians, nats) in &parts {
            check_finite(jacobian, hessians)?;
            log_likelihood += nats;
            for block in &mut *blocks {
                block.sum.add(jacobian, block.weights.clone(), hessians);
            }
        }
    }
    Ok(log_likelihood)
}

/// Σ ln p(y | f), with weights and mask, in nats.
pub(super) fn log_likelihood_of<T, L>(likelihood: &L, observed: &Observed<T, L::Targets>, outputs: &Tensor<T>) -> f64
where
    T: Real,
    L: Likelihood<T>,
{
    let tape = Tape::inference();
    -observed.nll(likelihood, tape.input(outputs)).nats() * outputs.rows() as f64
}

fn check_finite<T: Real>(jacobian: &Jacobian<T>, hessians: &[f64]) -> Result<(), LaplaceError> {
    let bad = |what: &str| Err(LaplaceError::NotFinite { what: what.to_owned() });
    if jacobian.values.data().iter().any(|y| y.is_nan()) {
        return bad("the model's output");
    }
    if !hessians.iter().all(|x| x.is_finite()) {
        return bad("the second derivative of the log-likelihood with respect to the model's output");
    }
    Ok(())
}
