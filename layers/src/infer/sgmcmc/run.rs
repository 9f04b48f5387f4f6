//! Runs chains side by side on the threads there are.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::data::Examples;
use crate::engine::threads::map_tasks;
use crate::engine::{Real, with_threads};
use crate::infer::LogJoint;
#[cfg(feature = "files")]
use crate::infer::chains::check_folder;
use crate::infer::chains::{Chain, Chains, McmcError, Progress, check_model, check_start};
use crate::infer::minibatch_target::Target;
use crate::infer::sgmcmc::chain::{ChainState, Runner};
#[cfg(feature = "files")]
use crate::infer::sgmcmc::checkpoint::{self, Checkpoint};
use crate::infer::sgmcmc::options::SgOptions;
#[cfg(feature = "files")]
use crate::infer::sgmcmc::schedule::Schedule;
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::samples::KeptDraws;
use crate::spans::span;
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

/// A chain's state, and the checkpoint in which it is saved.
struct Saved {
    state: ChainState,
    #[cfg(feature = "files")]
    checkpoint: Option<Checkpoint>,
}

impl Saved {
    /// With the state of the checkpoint, if it has one.
    #[cfg(feature = "files")]
    fn restored(mut checkpoint: Checkpoint, mut state: ChainState, schedule: Schedule) -> Result<Self, McmcError> {
        checkpoint.restore(&mut state, schedule)?;
        Ok(Saved { state, checkpoint: Some(checkpoint) })
    }

    /// Takes the steps that are left.
    fn run<M, L>(&mut self, runner: &mut Runner<'_, '_, M, L>, interval: usize) -> Result<Chain, McmcError>
    where
        M: Bayesian + Model + Sync,
        L: Likelihood<M::Scalar>,
        L::Targets: Sync + Send,
    {
        #[cfg(feature = "files")]
        if let Some(checkpoint) = &mut self.checkpoint {
            return runner.run(&mut self.state, interval, |state| checkpoint.save(state));
        }
        runner.run(&mut self.state, interval, |_| Ok(()))
    }
}

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
    span!(INFO, "chains" as all, chains = options.shared.chains, examples = data.len());
    options.check()?;
    options.check_steps(data.len())?;
    check_model(model, likelihood, data, options.batch_size_for(data.len()))?;
    let (joint, shared) = (LogJoint::new(model, likelihood, data), &options.shared);
    let starts = (0..shared.chains).map(|chain| shared.start(model, chain)).collect::<Result<Vec<_>, _>>()?;
    if starts[0].is_empty() {
        return Err(McmcError::Options("the model has no random weights, so there is nothing to sample".to_owned()));
    }
    let schedule = options.schedule_for(data.len());
    #[cfg(feature = "files")]
    let data_sum = match &options.checkpoint {
        Some((folder, _)) => {
            check_folder(folder)?;
            data.checksum()
        }
        None => 0,
    };
    // All of them before the first step of any, so that a mistake costs nothing.
    let mut begun = Vec::with_capacity(starts.len());
    for (chain, start) in starts.iter().enumerate() {
        let density = check_start(&joint, start, chain)?;
        let key = shared.key().at("chain").index(chain);
        let position = start.flat().into_iter().map(Real::to_f64).collect();
        let state = ChainState::new(position, key, options.friction.is_some(), options.preconditioned);
        #[cfg(feature = "files")]
        let state = match &options.checkpoint {
            Some((folder, _)) => {
                let run = checkpoint::Run { options: options.fingerprint(data.len()), data: data_sum, density };
                Saved::restored(Checkpoint::new(folder, chain, run, start), state, schedule)?
            }
            None => Saved { state, checkpoint: None },
        };
        #[cfg(not(feature = "files"))]
        let state = {
            let _ = density;
            Saved { state }
        };
        begun.push(Mutex::new(Some(state)));
    }
    let progress = Progress::new(shared.shown, shared.chains * schedule.steps(), "steps");
    let is_shared = rayon::current_thread_index().is_some();
    // As many threads as chains, if there are so many: each chain then has its own.
    let threads = if shared.chains == 1 { shared.threads } else { shared.threads.min(shared.chains) };
    let chains = with_threads(threads, || {
        map_tasks(
            shared.chains,
            || (),
            |(), chain| -> Made<M::Scalar> {
                span!(INFO, "chain" in all, chain = chain);
                let key = shared.key().at("chain").index(chain);
                let begun = begun[chain].lock().unwrap_or_else(PoisonError::into_inner).take();
                let mut saved = begun.expect("each chain is run once");
                let target = Target::new(&joint, data.len(), &starts[chain]);
                let examples = data.len();
                let mut runner =
                    Runner { chain, options, schedule, key, examples, target, shared: is_shared, progress: &progress };
                let interval = options.save_interval(schedule.thinning);
                let made = saved.run(&mut runner, interval)?;
                let state = saved.state;
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
