//! Runs chains side by side on the threads there are.

use std::fmt;

use crate::data::Examples;
use crate::engine::threads::map_tasks;
use crate::engine::{Real, with_threads};
use crate::infer::LogJoint;
use crate::infer::chains::{Chain, Chains, McmcError, Progress, check_model, check_start};
use crate::infer::minibatch_target::Target;
use crate::infer::sgmcmc::chain::{ChainState, Runner};
#[cfg(feature = "files")]
use crate::infer::sgmcmc::checkpoint::Checkpoint;
use crate::infer::sgmcmc::options::SgOptions;
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::samples::KeptDraws;
use crate::weights::Weights;

/// What the progress of chains shows.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) learning_rate: f64,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "learning rate {:.2e}", self.learning_rate)
    }
}

/// The draws of a chain, and how they were made.
type Made<T> = Result<(Vec<Weights<T>>, Chain), McmcError>;

/// Samples the posterior of the model's weights given the data.
///
/// # Errors
/// If the options, the model and the data do not fit, a chain cannot start, or it stops.
pub(super) fn run<'m, M, L>(
    options: &SgOptions<M::Scalar>,
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
    check_model(model, likelihood, data, options.batch_size_for(data.len()))?;
    let (joint, shared) = (LogJoint::new(model, likelihood, data), &options.shared);
    let starts = (0..shared.chains).map(|chain| shared.start(model, chain)).collect::<Result<Vec<_>, _>>()?;
    if starts[0].is_empty() {
        return Err(McmcError::Options("the model has no random weights, so there is nothing to sample".to_owned()));
    }
    for (chain, start) in starts.iter().enumerate() {
        check_start(&joint, start, chain)?;
    }
    let schedule = options.schedule_for(data.len());
    let progress = Progress::new(shared.shown, shared.chains * schedule.steps(), "steps");
    // As many threads as chains, if there are so many: each chain then has its own.
    let threads = if shared.chains == 1 { shared.threads } else { shared.threads.min(shared.chains) };
    let chains = with_threads(threads, || {
        map_tasks(
            shared.chains,
            || (),
            |(), chain| -> Made<M::Scalar> {
                let key = shared.key().at("chain").index(chain);
                let position = starts[chain].flat().into_iter().map(Real::to_f64).collect();
                let mut state = ChainState::new(position, key, options.friction.is_some(), options.preconditioned);
                let target = Target::new(&joint, data.len(), &starts[chain]);
                let mut runner =
                    Runner { chain, options, schedule, key, examples: data.len(), target, progress: &progress };
                #[cfg(feature = "files")]
                let made = match &options.checkpoint {
                    Some((folder, every)) => {
                        let mut checkpoint =
                            Checkpoint::new(folder, chain, options.fingerprint(data.len()), &starts[chain]);
                        checkpoint.restore(&mut state, schedule)?;
                        runner.run(&mut state, every * schedule.thinning, |state| checkpoint.save(state))
                    }
                    None => runner.run(&mut state, usize::MAX, |_| Ok(())),
                };
                #[cfg(not(feature = "files"))]
                let made = runner.run(&mut state, usize::MAX, |_| Ok(()));
                let made = made?;
                Ok((state.draws.iter().map(|position| runner.target.weights(position)).collect(), made))
            },
        )
    });
    progress.finish();
    let (mut weights, mut found) = (Vec::new(), Vec::new());
    for (chain, made) in chains.into_iter().enumerate() {
        let (draws, made) = made?;
        if draws.len() > 1 && draws.iter().all(|draw| *draw == draws[0]) {
            let cause =
                "its steps are smaller than the rounding of its weights; take a larger `learning_rate`".to_owned();
            return Err(McmcError::Stuck { chain, draws: draws.len(), step_size: made.step_size, cause });
        }
        weights.extend(draws);
        found.push(made);
    }
    if shared.shown {
        found.iter().enumerate().for_each(|(chain, made)| {
            made.temperature.iter().flat_map(|of| of.findings(chain)).for_each(|finding| eprintln!("{finding}"));
        });
    }
    Ok(Chains::new(KeptDraws::of(model, weights)?, found))
}
