//! `Sgld` and `Sghmc`: the samplers, with their options.

#[cfg(feature = "files")]
use std::path::PathBuf;

use crate::data::Examples;
use crate::engine::Real;
use crate::infer::chains::{Chains, McmcError};
use crate::infer::sgmcmc::options::SgOptions;
use crate::infer::sgmcmc::run::run;
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::properties::Independent;
use crate::weights::Weights;

/// Stochastic-gradient Hamiltonian Monte Carlo (Chen, Fox and Guestrin 2014): Langevin dynamics with momenta, whose gradients are
/// those of minibatches, for networks and data sets that are too large for `Nuts`. A step costs as
/// much as one of training.
///
/// The discretisation is BAOA, a splitting scheme that is exact for Gaussian densities at any stable step (Leimkuhler and Matthews
/// 2013: BAOAB, with its two half steps of the momentum merged), with mass 1 for every unconstrained weight. There is no
/// Metropolis-Hastings correction: the steps and the noise of the minibatches warm the chain. [`Chain::temperature`](crate::Chain::temperature) measures
/// by how much, and [`Chains::diagnose`] says so in words.
///
/// | | by default |
/// |---|---|
/// | [learning rate](Sghmc::learning_rate) | chosen in the warm-up, for each chain |
/// | [batch size](Sghmc::batch_size) | all examples up to 1,024, 256 of more |
/// | [thinning](Sghmc::thinning) | a draw after each epoch, and after 10 steps at least |
/// | [warm-up](Sghmc::warmup), [draws](Sghmc::draws), [chains](Sghmc::chains) | 200, 200, 4 |
/// | [friction](Sghmc::friction) | 0.1 |
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::Sghmc;
///
/// # let x = Tensor::from_fn([40, 2], |i| (i as f64 * 0.7).sin());
/// # let data: Examples = Examples::new(x, (0..40).map(|i| i % 2).collect())?;
/// let model = Dense::new(2, 2);
/// let chains = Sghmc::new(Categorical).chains(2).warmup(50).draws(50).quiet().run(&model, &data)?;
/// println!("{}", chains.diagnose());
/// let predictions = chains.predict(&Categorical, data.inputs());
/// # assert_eq!(chains.count(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sghmc<L, T: Real = f32> {
    likelihood: L,
    options: SgOptions<T>,
}

/// Stochastic-gradient Langevin dynamics (Welling and Teh 2011): [`Sghmc`] without momenta. Its step has a bias of the order of
/// the learning rate, and it needs more steps than [`Sghmc`] for the same distance; it has the same options, without
/// [friction](Sghmc::friction).
#[derive(Clone, Debug)]
pub struct Sgld<L, T: Real = f32> {
    likelihood: L,
    options: SgOptions<T>,
}

/// The options of both samplers.
macro_rules! options {
    ($sampler:ident) => {
        impl<L, T: Real> $sampler<L, T> {
            /// Sets the number of chains, 4 by default. They run side by side on the threads there are.
            #[must_use]
            pub fn chains(mut self, chains: usize) -> Self {
                self.options.shared.chains = chains;
                self
            }

            /// Sets the length of the warm-up in draws that are not kept, 200 by default: as many steps as those draws would
            /// take. In it the learning rate and the preconditioner adapt; afterwards they are constant.
            #[must_use]
            pub fn warmup(mut self, draws: usize) -> Self {
                self.options.shared.warmup = draws;
                self
            }

            /// Sets the number of draws of each chain, 200 by default.
            #[must_use]
            pub fn draws(mut self, draws: usize) -> Self {
                self.options.shared.draws = draws;
                self
            }

            /// Sets the number of steps from one draw to the next. By default it is that of an epoch, ⌈N/batch size⌉, and 10 at
            /// least.
            #[must_use]
            pub fn thinning(mut self, steps: usize) -> Self {
                self.options.thinning = Some(steps);
                self
            }

            /// Sets the number of examples of a step's minibatch. By default it is all of up to 1,024, and 256 of more. Each
            /// minibatch is drawn independently of those before it, without replacement.
            #[must_use]
            pub fn batch_size(mut self, examples: usize) -> Self {
                self.options.batch_size = Some(examples);
                self
            }

            /// Sets the learning rate η, in the unit of training: the rate of a step along the gradient of the *mean* log density,
            /// ln p(y, w | x)/N, per example. Without momenta and noise a step is that of gradient descent on the mean loss,
            /// w += η ∇ ln p/N; the noise that belongs to it has variance 2ηT/N. With momenta, the step in time is √(η/N) in
            /// units of the weights.
            ///
            /// The posterior's standard deviation falls as 1/√N, and so does √(η/N) at a constant η: a rate that suits some of the
            /// data suits all of them.
            ///
            /// By default the rate is chosen from the largest curvature of the log density at several points of the warm-up, so that
            /// a step is half a standard deviation in the stiffest direction at most (with momenta), and neither
            /// the step without momenta nor the noise of minibatches adds more than some 2.5 % to that direction's variance. Inputs
            /// should be standardised: one rate serves all directions.
            #[must_use]
            pub fn learning_rate(mut self, rate: f64) -> Self {
                self.options.learning_rate = Some(rate);
                self
            }

            /// Samples the density p(y, u | x)^(1/T) of the unconstrained numbers u, 1 by default. A temperature below 1 is a "cold posterior" (Wenzel et al.
            /// 2020).
            #[must_use]
            pub fn temperature(mut self, temperature: f64) -> Self {
                self.options.temperature = temperature;
                self
            }

            /// Measures each weight in its own unit, which follows from the running mean V of its squared gradients: the
            /// preconditioner is 1/(λ + √V), as in RMSprop and Adam (Li, Chen, Carlson and Carin 2016, "Preconditioned Stochastic
            /// Gradient Langevin Dynamics for Deep Neural Networks", eq. 7), with mean 1.
            ///
            /// It adapts during the first three quarters of the warm-up, and is then constant. A constant preconditioner leaves the
            /// distribution that is sampled as it is. In the paper it adapts all the time, which needs the term Γ of its eq. 5, the
            /// divergence of the preconditioner; the paper leaves it out, with a bias.
            #[must_use]
            pub fn preconditioned(mut self) -> Self {
                self.options.preconditioned = true;
                self
            }

            /// Samples in cycles, for posteriors with several modes (Zhang et al. 2020, "Cyclical Stochastic Gradient MCMC for
            /// Bayesian Deep Learning"). After the warm-up, the learning rate falls in each cycle by a cosine from α₀ to 0:
            /// α_k = α₀/2 (cos(π mod(k − 1, K/M)/(K/M)) + 1) in step k of K, for M cycles. The first part of a cycle explores
            /// without noise; the last part samples. All cycles have as many draws: their number must divide that of the draws.
            ///
            /// α₀ is the [learning rate](Self::learning_rate), if it is set; set one that is too large to sample with, so that
            /// the chain leaves its mode. By default the first draws of a cycle have the rate that is chosen without cycles, and
            /// α₀ is up to four times that.
            #[must_use]
            pub fn cyclical(mut self, cycles: usize, exploration: f64) -> Self {
                self.options.cycles = Some((cycles, exploration));
                self
            }

            /// Saves every chain in this folder after as many steps as this number of draws takes, and goes on from there if the
            /// folder has a checkpoint of the same run: the chains are then the same, bit for bit, as without an interruption. A
            /// kill loses at most the draws since the last save. With more [draws](Self::draws) than before, the chains are
            /// continued, unless they are [cyclical](Self::cyclical). Needs the feature `files`.
            ///
            /// For each chain there is a file of its state, which is replaced at once, and one for each save with the draws since
            /// the save before. The options, the number of examples, and names and shapes of the weights must be the same; that
            /// the data and the priors are the same is not checked.
            #[cfg(feature = "files")]
            #[must_use]
            pub fn checkpoint(mut self, folder: impl Into<PathBuf>, every: usize) -> Self {
                self.options.checkpoint = Some((folder.into(), every));
                self
            }

            /// Sets the seed, 0 by default. Equal seeds give the same chains, for any number of threads.
            #[must_use]
            pub fn seed(mut self, seed: u64) -> Self {
                self.options.shared.seed = seed;
                self
            }

            /// Uses at most this many threads, by default all. The chains are the same, bit for bit.
            ///
            /// # Panics
            /// If it is 0.
            #[must_use]
            #[track_caller]
            pub fn threads(mut self, threads: usize) -> Self {
                assert!(threads > 0, "threads: at least one thread is needed, got 0");
                self.options.shared.threads = threads;
                self
            }

            /// Shows no progress.
            #[must_use]
            pub fn quiet(mut self) -> Self {
                self.options.shared.shown = false;
                self
            }

            /// Starts from these weights, chain after chain, and from the first again if there are more chains. By default each
            /// chain starts from a draw of the model's posterior; matrices that have never been trained start from the random
            /// values of [`Bayesian::initialise`](crate::Bayesian::initialise).
            #[must_use]
            pub fn start_from(mut self, weights: Vec<Weights<T>>) -> Self {
                self.options.shared.start = weights;
                self
            }

            /// Samples the weights of `model` given `data`. Deterministic weights and hyperparameters stay as they are in the
            /// model. Weights with limits, such as positive ones, move in [unconstrained](Weights::unconstrained) space.
            ///
            /// It does not compile for a model in which examples depend on each other, as in batch normalisation.
            ///
            /// # Errors
            /// [`McmcError`], if possible before the first step: that of the first chain that stopped.
            pub fn run<'m, M>(&self, model: &'m M, data: &Examples<T, L::Targets>) -> Result<Chains<&'m M>, McmcError>
            where
                M: Bayesian<Scalar = T, Batch: Independent> + Model + Sync,
                L: Likelihood<T> + Sync,
                L::Targets: Sync + Send,
            {
                run(&self.options, &self.likelihood, model, data)
            }
        }
    };
}

options!(Sgld);
options!(Sghmc);

impl<L, T: Real> Sgld<L, T> {
    /// With the posterior's temperature and a learning rate that is chosen in the warm-up.
    pub fn new(likelihood: L) -> Self {
        Sgld { likelihood, options: SgOptions::new(None) }
    }
}

impl<L, T: Real> Sghmc<L, T> {
    /// With the posterior's temperature, friction 0.1, and a learning rate that is chosen in the warm-up.
    pub fn new(likelihood: L) -> Self {
        Sghmc { likelihood, options: SgOptions::new(Some(0.1)) }
    }

    /// Sets the friction α of a step, 0.1 by default: the momentum is multiplied by e^−α, and refreshed by noise. It is γh of
    /// Langevin dynamics with friction γ and step h. Training with momentum β has α = −ln β. More friction bears more noise of
    /// minibatches, and moves more slowly.
    #[must_use]
    pub fn friction(mut self, friction: f64) -> Self {
        self.options.friction = Some(friction);
        self
    }
}
