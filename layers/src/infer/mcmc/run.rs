//! Runs chains side by side on the threads there are.

use crate::clock::Clock;
use crate::data::Examples;
use crate::distributed::{Exchange, own_tasks};
use crate::engine::threads::map_tasks;
use crate::engine::with_threads;
use crate::infer::LogJoint;
use crate::infer::chains::{Chains, McmcError, Options, Progress, check_model, check_start};
use crate::infer::mcmc::chain::{Run, Segment};
use crate::infer::mcmc::checkpoint::Checkpoint;
use crate::infer::mcmc::cost::Cost;
use crate::infer::mcmc::nuts_rs::Kernel;
use crate::infer::mcmc::share::{agreed, of_all_ranks};
use crate::infer::mcmc::target::{Parts, Target};
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::samples::KeptDraws;
use crate::spans::span;

/// Samples the posterior of the model's weights given the data.
///
/// # Errors
/// If the options, the model and the data do not fit, a chain cannot start, or it stops.
pub(super) fn run<'m, M, L>(
    (kernel, exchange): (Kernel, &dyn Exchange),
    options: &Options<M::Scalar>,
    checkpoint: Option<&Checkpoint>,
    likelihood: &L,
    model: &'m M,
    data: &Examples<M::Scalar, L::Targets>,
) -> Result<Chains<&'m M>, McmcError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar> + Sync,
    L::Targets: Sync + Send,
{
    span!(INFO, "chains" as all, chains = options.chains, examples = data.len());
    let checked = || {
        options.check()?;
        checkpoint.map_or(Ok(()), Checkpoint::prepare)?;
        Ok(check_model(model, likelihood, data, Parts::examples(data))?)
    };
    agreed(exchange, checked())?;
    let joint = LogJoint::new(model, likelihood, data);
    let parts = Parts::new(data);
    let is_shared = rayon::current_thread_index().is_some();
    let run = Run { kernel, options, checkpoint, like: model.mean_weights(), joint: &joint, is_shared };
    let target = |segment: &Segment<M::Scalar>| Target::new(model, likelihood, &parts, &segment.start);
    let shown = options.shown && exchange.rank() == 0;
    let starts = || {
        kernel.check_weights(run.like.len())?;
        let (mut segments, mut gradient_seconds) = (Vec::new(), f64::NAN);
        for chain in 0..options.chains {
            let start = options.start(model, chain)?;
            check_start(&joint, &start, chain)?;
            let segment = run.first(chain, start);
            let (mut target, position) = (target(&segment), segment.position());
            let mut gradient = vec![0.0; position.len()];
            let density = target.at(&position, &mut gradient);
            if chain == 0 {
                // The first gradient took the memory.
                let clock = Clock::start();
                target.at(&position, &mut gradient);
                gradient_seconds = clock.seconds();
            }
            segments.push(run.resumed(segment, density, data.len())?);
        }
        Ok((segments, gradient_seconds))
    };
    let (segments, gradient_seconds) = agreed(exchange, starts())?;
    let left = |segment: &Segment<M::Scalar>| segment.lengths.iter().sum::<usize>();
    Cost {
        weights: segments[0].start.len(),
        bytes: size_of::<M::Scalar>(),
        chains: options.chains,
        transitions: segments.iter().map(left).max().unwrap_or(0),
        draws: options.draws,
        most_gradients: kernel.most_gradients(),
        gradient_seconds,
        at_once: options.threads.min(options.chains),
    }
    .say_if(shown);
    let own = own_tasks(exchange, options.chains);
    let progress = Progress::new(shown, segments[own.clone()].iter().map(left).sum(), "transitions");
    // As many threads as chains, if there are so many: each chain then has its own.
    let threads = if own.len() < 2 { options.threads } else { options.threads.min(own.len()) };
    let chains = with_threads(threads, || {
        map_tasks(
            own.len(),
            || (),
            |(), index| {
                let chain = own.start + index;
                span!(INFO, "chain" in all, chain = chain);
                let segment = &segments[chain];
                run.sample(segment, target(segment), &progress)
            },
        )
    });
    progress.finish();
    let (mut weights, mut found) = (Vec::new(), Vec::new());
    for chain in of_all_ranks(exchange, options.chains, chains, &run.like) {
        let (draws, chain) = chain?;
        weights.extend(draws);
        found.push(chain);
    }
    Ok(Chains::new(KeptDraws::of(model, weights)?, found))
}
