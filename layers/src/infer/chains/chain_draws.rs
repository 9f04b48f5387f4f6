//! `Chains`: the draws of several Markov chains, and how each was made.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use crate::engine::{Parameters, Tape};
use crate::model::Bayesian;
use crate::samples::{DrawOf, KeptDraws, Samples, ScalarOf};
use crate::weights::Weights;

/// The draws of Markov chains after their warm-up, as [`Samples`](crate::Samples) of the weights: they have the methods of
/// [`Predict`](crate::Predict). `M` is a pointer to the model.
pub struct Chains<M: Deref<Target: Parameters>> {
    /// Chain after chain.
    draws: KeptDraws<M>,
    chains: Vec<Chain>,
}

/// How the draws of one chain were made.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Chain {
    /// The Hamiltonian's value at each draw, in nats; empty for `Mclmc`, which keeps it constant.
    pub energies: Vec<f64>,
    /// The draws, from 0, whose trajectory diverged: its energy error grew without bound, or the density was not finite. They
    /// hint at a region that the chain cannot enter.
    pub divergences: Vec<usize>,
    /// The depth of each draw's tree, of 2^depth − 1 steps at most; empty for samplers without trees.
    pub depths: Vec<usize>,
    /// The number of draws whose tree ended at the largest depth.
    pub saturated: usize,
    /// The step size after the warm-up; for stochastic-gradient chains √(learning rate/N), in units of the weights.
    pub step_size: f64,
    /// The learning rate after the warm-up, of stochastic-gradient chains; the first one of a cycle.
    pub learning_rate: Option<f64>,
    /// Evaluations of the gradient, those of the warm-up included; of a minibatch's for stochastic-gradient chains.
    pub gradients: usize,
    /// Seconds, those of the warm-up included; NaN without a clock.
    pub seconds: f64,
    /// Seconds of the warm-up.
    pub warmup_seconds: f64,
    /// How often, after the warm-up, the log density or its gradient was not finite, by the term responsible; only terms that
    /// were not finite.
    pub not_finite: BTreeMap<String, usize>,
    /// The draws in which an element of a weight left the range of the scalar type, as a positive weight that underflows to 0:
    /// their number, by the weight's name. Such an element is kept as the nearest number of the type.
    pub rounded: BTreeMap<String, usize>,
    /// The chain's temperature; `None` for samplers whose steps are corrected by an acceptance test, or that have none.
    pub temperature: Option<Temperature>,
}

/// The temperature of a chain that takes steps without an acceptance test, as measured: the drift check of stochastic-gradient
/// chains (Wenzel et al. 2020, "How Good is the Bayes Posterior in Deep Neural Networks Really?", appendix I). At the
/// [target](Temperature::target) both estimates have it as their expectation. Above it, the steps are too large or the
/// minibatches too small; below it, the chain is too short for its slowest directions.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Temperature {
    /// The temperature that was asked for; 1 is the posterior's.
    pub target: f64,
    /// The mean square of the momenta, whose masses are 1; `None` for a sampler without momenta.
    pub kinetic: Option<TemperatureEstimate>,
    /// The mean of −(u − c)·∂ ln p/∂u for each unconstrained element u, where c is its value at the end of the warm-up.
    pub configurational: TemperatureEstimate,
}

/// A measured temperature may differ from its target by this fraction before it is reported.
const TOLERANCE: f64 = 0.05;

/// Standard errors that a difference from the target must exceed.
const ERRORS: f64 = 3.0;

impl Temperature {
    /// What the temperatures of this chain, from 0, say is wrong, and what to do: a temperature that is more than 5 % and three
    /// standard errors off.
    pub(in crate::infer) fn findings(&self, chain: usize) -> Vec<String> {
        let Temperature { target, kinetic, configurational } = *self;
        let off = |of: TemperatureEstimate| {
            let by = of.mean - target;
            // Without a standard error, and for NaN, a large difference counts.
            let is_near = by.abs() <= TOLERANCE * target || by.abs() <= ERRORS * of.standard_error;
            (!is_near).then_some((of.mean > target, of.mean, of.standard_error))
        };
        let mut findings = Vec::new();
        if let Some((is_warm, mean, error)) = kinetic.and_then(off) {
            let what = if is_warm { "too warm" } else { "too cold" };
            findings.push(format!(
                "chain {chain} (from 0) is {what}: its momenta have a temperature of {mean:.3} ± {error:.3} in place of {target}; lower \
                 `learning_rate`, or raise `batch_size` or `friction`"
            ));
        }
        if let Some((is_warm, mean, error)) = off(configurational) {
            findings.push(match is_warm {
                true => format!(
                    "chain {chain} (from 0) spreads too far: its weights have a temperature of {mean:.3} ± {error:.3} in place of \
                     {target}; lower `learning_rate`, raise `batch_size`, or lengthen the warm-up"
                ),
                false => format!(
                    "chain {chain} (from 0) has not spread over the posterior yet: its weights have a temperature of {mean:.3} ± \
                     {error:.3} in place of {target}; draw more, or raise `thinning`"
                ),
            });
        }
        findings
    }
}

/// A temperature as an average over the steps of a chain.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TemperatureEstimate {
    /// The mean over steps and elements.
    pub mean: f64,
    /// The standard error of the mean, from the means of blocks of successive steps; NaN from fewer than two blocks.
    pub standard_error: f64,
}

impl<M: Deref<Target: Bayesian + Sized>> Chains<M> {
    /// From draws, chain after chain; each chain has as many.
    pub(in crate::infer) fn new(draws: KeptDraws<M>, chains: Vec<Chain>) -> Self {
        Chains { draws, chains }
    }

    /// How each chain's draws were made.
    pub fn chains(&self) -> &[Chain] {
        &self.chains
    }

    /// The number of draws of each chain, without the warm-up.
    pub fn draws_per_chain(&self) -> usize {
        self.draws.weights().len() / self.chains.len()
    }

    /// The weights of each draw of a chain, from 0.
    ///
    /// # Panics
    /// If there are fewer chains.
    #[track_caller]
    pub fn weights(&self, chain: usize) -> &[Weights<<M::Target as Parameters>::Scalar>] {
        let (chains, draws) = (self.chains.len(), self.draws_per_chain());
        assert!(chain < chains, "Chains::weights: chain {chain} (from 0) is out of range for {chains} chains");
        &self.draws.weights()[chain * draws..][..draws]
    }

    /// The weights of all draws, chain after chain.
    pub fn all_weights(&self) -> &[Weights<<M::Target as Parameters>::Scalar>] {
        self.draws.weights()
    }
}

impl<M: Deref<Target: Bayesian + Sized + Sync> + Sync> Samples for Chains<M> {
    type Model = M::Target;

    fn model(&self) -> &M::Target {
        self.draws.model()
    }

    fn count(&self) -> usize {
        self.draws.count()
    }

    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        self.draws.draw(tape, index)
    }
}

impl<M: Deref<Target: Parameters>> fmt::Debug for Chains<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chains").field("chains", &self.chains.len()).finish_non_exhaustive()
    }
}
