//! Runs chains side by side on the threads there are.

use crate::clock::Clock;
use crate::data::Examples;
use crate::engine::threads::map_tasks;
use crate::engine::{Key, Real, Tape, with_threads};
use crate::infer::LogJoint;
use crate::infer::batch::Batch;
use crate::infer::caught_panic::Batches;
use crate::infer::log_joint::ROWS;
use crate::infer::mcmc::McmcError;
use crate::infer::mcmc::chains::{Chain, Chains};
use crate::infer::mcmc::nuts_rs::{self, Kernel, Transition};
use crate::infer::mcmc::options::Options;
use crate::infer::mcmc::progress::Progress;
use crate::infer::mcmc::target::Target;
use crate::infer::vi::TrainError;
use crate::likelihood::Likelihood;
use crate::model::forward_by::Own;
use crate::model::{Bayesian, Model};
use crate::samples::KeptDraws;
use crate::weights::Weights;

/// Samples the posterior of the model's weights given the data.
///
/// # Errors
/// If the options, the model and the data do not fit, a chain cannot start, or it stops.
pub(super) fn run<'m, M, L>(
    kernel: Kernel,
    options: &Options<M::Scalar>,
    likelihood: &L,
    model: &'m M,
    data: &Examples<M::Scalar, L::Targets>,
) -> Result<Chains<&'m M>, McmcError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar> + Sync,
    L::Targets: Sync + Send,
{
    options.check()?;
    check_model(model, likelihood, data)?;
    let joint = LogJoint::new(model, likelihood, data);
    let rows: Vec<usize> = (0..data.len()).collect();
    let starts = (0..options.chains).map(|chain| options.start(model, chain)).collect::<Result<Vec<_>, _>>()?;
    for (chain, start) in starts.iter().enumerate() {
        check_start(&joint, &rows, start, chain)?;
    }
    let progress = Progress::new(options.shown, options.chains * (options.warmup + options.draws));
    let chains = with_threads(options.threads, || {
        map_tasks(
            options.chains,
            || (),
            |(), chain| {
                let target = Target::new(&joint, &rows, &starts[chain]);
                sample(
                    kernel,
                    options,
                    chain,
                    options.key().at("chain").index(chain),
                    target,
                    &starts[chain],
                    &progress,
                )
            },
        )
    });
    progress.finish();
    let (mut weights, mut found) = (Vec::new(), Vec::new());
    for chain in chains {
        let (draws, chain) = chain?;
        weights.extend(draws);
        found.push(chain);
    }
    Ok(Chains::new(KeptDraws::of(model, weights)?, found))
}

/// The draws of a chain, and how they were made.
type Sampled<T> = (Vec<Weights<T>>, Chain);

/// One chain.
fn sample<M, L>(
    kernel: Kernel,
    options: &Options<M::Scalar>,
    chain: usize,
    key: Key,
    mut target: Target<'_, M, L>,
    start: &Weights<M::Scalar>,
    progress: &Progress,
) -> Result<Sampled<M::Scalar>, McmcError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let (mut draws, mut made) = (Vec::with_capacity(options.draws), Chain::default());
    let clock = Clock::start();
    let position: Vec<f64> = start.flat().into_iter().map(Real::to_f64).collect();
    let mut transitions = 0;
    let on_draw = |draw: Transition| {
        transitions += 1;
        made.gradients += draw.gradients;
        progress.step(&draw);
        if transitions <= options.warmup {
            made.warmup_seconds = clock.seconds();
            return;
        }
        made.step_size = draw.step_size;
        if draw.is_divergent {
            made.divergences.push(draws.len());
        }
        made.energies.extend(draw.energy);
        made.depths.extend(draw.depth);
        made.saturated += usize::from(draw.is_saturated);
        let mut weights = start.clone();
        let flat: Vec<M::Scalar> = draw.position.iter().map(|&x| M::Scalar::from_f64(x)).collect();
        weights.set_flat(&flat).expect("a position has the weights' elements");
        draws.push(weights.constrained());
    };
    let lengths = [options.warmup, options.draws];
    let result = nuts_rs::sample(kernel, lengths, key, &position, |x, slope| target.at(x, slope), on_draw);
    made.seconds = clock.seconds();
    result.map_err(|message| McmcError::Stopped { chain, draws: transitions, all: lengths.iter().sum(), message })?;
    Ok((draws, made))
}

/// Runs the model's forward and the likelihood once, and checks the targets.
fn check_model<M, L>(model: &M, likelihood: &L, data: &Examples<M::Scalar, L::Targets>) -> Result<(), TrainError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let shared = rayon::current_thread_index().is_some();
    let batches = Batches { examples: "data", inputs: data.inputs().shape(), size: ROWS, shared };
    batches.check(|rows| {
        let mut batch = Batch::new(Tape::inference(), data);
        batch.gather(data, &(0..rows.min(data.len())).collect::<Vec<_>>());
        let (_, output) = batch.outputs::<M>(&Own, |tape| model.mean(tape));
        data.observed().check(likelihood, output, batch.observed()).map_err(TrainError::Targets)?;
        batch.nll_of(likelihood, output);
        Ok(())
    })
}

/// Whether the log density and its gradient are finite at a chain's first weights.
fn check_start<M, L>(
    joint: &LogJoint<'_, M, L>,
    rows: &[usize],
    start: &Weights<M::Scalar>,
    chain: usize,
) -> Result<(), McmcError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let position: Vec<f64> = start.flat().into_iter().map(Real::to_f64).collect();
    let mut gradient = vec![0.0; position.len()];
    let value = Target::new(joint, rows, start).at(&position, &mut gradient);
    let bad = |term: String, value: f64| Err(McmcError::Start { chain, term, value });
    if !value.is_finite() {
        let named = joint.terms(start).into_iter().find(|(_, nats)| !nats.is_finite());
        let (name, value) = named.unwrap_or_else(|| ("log density".to_owned(), value));
        return match &name[..] {
            "likelihood" => bad("log-likelihood of the data".to_owned(), value),
            "log density" | "jacobian" => bad(name, value),
            _ => bad(format!("log prior density of `{name}`"), value),
        };
    }
    let mut first = 0;
    for entry in start.entries() {
        let slopes = &gradient[first..][..entry.tensor.len()];
        if let Some(&slope) = slopes.iter().find(|slope| !slope.is_finite()) {
            return bad(format!("gradient of `{}`", entry.name), slope);
        }
        first += slopes.len();
    }
    Ok(())
}
