//! Runs chains side by side on the threads there are.

use std::fmt;

use crate::clock::Clock;
use crate::data::Examples;
use crate::engine::threads::map_tasks;
use crate::engine::{Key, Real, with_threads};
use crate::infer::LogJoint;
use crate::infer::chains::{Chain, Chains, McmcError, Options, Progress, check_model, check_start};
use crate::infer::mcmc::nuts_rs::{self, Kernel, Transition};
use crate::infer::mcmc::target::Target;
use crate::likelihood::Likelihood;
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
        check_start(&joint, start, chain)?;
    }
    let progress = Progress::new(options.shown, options.chains * (options.warmup + options.draws), "transitions");
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

/// What the progress of chains shows.
#[derive(Default)]
struct Shown {
    divergences: usize,
    step_size: f64,
}

impl Shown {
    fn add(&mut self, draw: &Transition) {
        self.divergences += usize::from(draw.is_divergent && !draw.is_warmup);
        self.step_size = draw.step_size;
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} divergent, step size {:.3}", self.divergences, self.step_size)
    }
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
    progress: &Progress<Shown>,
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
        progress.step(|shown| shown.add(&draw));
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
