//! The options that all samplers of chains share.

use crate::engine::{Key, Real};
use crate::infer::chains::McmcError;
use crate::infer::start::start_weights;
use crate::model::Bayesian;
use crate::weights::Weights;

/// The most transitions of all chains; far more than can be made.
const MOST: f64 = 1e15;

#[derive(Clone, Debug)]
pub(in crate::infer) struct Options<T: Real> {
    pub(in crate::infer) chains: usize,
    pub(in crate::infer) warmup: usize,
    pub(in crate::infer) draws: usize,
    pub(in crate::infer) seed: u64,
    pub(in crate::infer) threads: usize,
    pub(in crate::infer) shown: bool,
    /// The weights from which chains start, in turn; otherwise draws of the model's posterior.
    pub(in crate::infer) start: Vec<Weights<T>>,
}

impl<T: Real> Options<T> {
    pub(in crate::infer) fn new() -> Self {
        Options {
            chains: 4,
            warmup: 1000,
            draws: 1000,
            seed: 0,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            shown: true,
            start: Vec::new(),
        }
    }

    /// # Errors
    /// If a number is out of range.
    pub(in crate::infer) fn check(&self) -> Result<(), McmcError> {
        let mistake = match self {
            Options { chains: 0, .. } => "chains: at least one chain is needed, got 0",
            Options { draws: 0, .. } => "draws: at least one draw is needed, got 0",
            _ => return self.check_transitions(self.warmup as f64 + self.draws as f64),
        };
        Err(McmcError::Options(mistake.to_owned()))
    }

    /// # Errors
    /// If all chains, with so many transitions each, have more than can be counted.
    pub(in crate::infer) fn check_transitions(&self, transitions: f64) -> Result<(), McmcError> {
        let all = self.chains as f64 * transitions;
        if all <= MOST {
            return Ok(());
        }
        let mistake =
            format!("the chains would take {all:.1e} transitions together; ask for less draws or a shorter warm-up");
        Err(McmcError::Options(mistake))
    }

    pub(in crate::infer) fn key(&self) -> Key {
        Key::new(self.seed).at("mcmc")
    }

    /// The unconstrained weights from which a chain starts.
    ///
    /// # Errors
    /// If the given weights do not fit the model.
    pub(in crate::infer) fn start<M: Bayesian<Scalar = T>>(
        &self,
        model: &M,
        chain: usize,
    ) -> Result<Weights<T>, McmcError> {
        Ok(start_weights(model, &self.start, chain, self.key())?)
    }
}
