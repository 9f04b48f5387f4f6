//! `Nuts` and `Mclmc`: the samplers, with their options.

use crate::data::Examples;
use crate::distributed::{Alone, Exchange};
use crate::engine::Real;
use crate::infer::chains::{Chains, McmcError, Options};
use crate::infer::mcmc::checkpoint::Checkpoint;
use crate::infer::mcmc::nuts_rs::Kernel;
use crate::infer::mcmc::run::run;
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::properties::Independent;
use crate::weights::Weights;

/// The no-U-turn sampler (Hoffman and Gelman 2014; Betancourt 2017): exact samples of the posterior of small and medium-sized
/// models, up to some ten thousand weights. It needs the gradient of all data many times for each draw, and it does not need the
/// variational posterior: the model gives the priors, the shapes, and where the chains start.
///
/// A gradient takes about three times a forward pass of all rows, and a draw 7 to 1,023 of them. Every draw is kept, so chains
/// take (weights × draws × chains) numbers of memory. From 100,000 weights on, [`run`](Nuts::run) prints what it will take before
/// it starts, unless it is [`quiet`](Nuts::quiet).
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::Nuts;
///
/// # let x = Tensor::from_fn([40, 2], |i| (i as f64 * 0.7).sin());
/// # let data: Examples = Examples::new(x, (0..40).map(|i| i % 2).collect())?;
/// let model = Dense::new(2, 2);
/// let chains = Nuts::new(Categorical).chains(2).warmup(100).draws(100).quiet().run(&model, &data)?;
/// let predictions = chains.predict(&Categorical, data.inputs());
/// # assert_eq!(chains.count(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Nuts<L, T: Real = f32> {
    likelihood: L,
    options: Options<T>,
    checkpoint: Option<Checkpoint>,
    low_rank: bool,
    target_acceptance: f64,
    max_depth: usize,
}

/// Unadjusted microcanonical Langevin Monte Carlo (Robnik, De Luca, Silverstein and Seljak 2023, "Microcanonical Hamiltonian Monte
/// Carlo"): faster than [`Nuts`] in many dimensions, with a bias that grows with the step size. It needs two weights or more.
///
/// The crate `nuts-rs` calls its implementation experimental: compare means and standard deviations with those of [`Nuts`]
/// before you rely on them.
#[derive(Clone, Debug)]
pub struct Mclmc<L, T: Real = f32> {
    likelihood: L,
    options: Options<T>,
    checkpoint: Option<Checkpoint>,
    step_size: f64,
    decoherence_length: f64,
}

/// The options of every sampler.
macro_rules! options {
    ($sampler:ident) => {
        impl<L, T: Real> $sampler<L, T> {
            /// Sets the number of chains, 4 by default. They run side by side on the threads there are.
            #[must_use]
            pub fn chains(mut self, chains: usize) -> Self {
                self.options.chains = chains;
                self
            }

            /// Sets the number of transitions in which a chain adapts its step size and scales, 1,000 by default. They are not
            /// kept.
            #[must_use]
            pub fn warmup(mut self, transitions: usize) -> Self {
                self.options.warmup = transitions;
                self
            }

            /// Sets the number of draws of each chain, 1,000 by default.
            #[must_use]
            pub fn draws(mut self, draws: usize) -> Self {
                self.options.draws = draws;
                self
            }

            /// Sets the seed, 0 by default. Equal seeds give the same chains, for any number of threads.
            #[must_use]
            pub fn seed(mut self, seed: u64) -> Self {
                self.options.seed = seed;
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
                self.options.threads = threads;
                self
            }

            /// Shows no progress.
            #[must_use]
            pub fn quiet(mut self) -> Self {
                self.options.shown = false;
                self
            }

            /// Starts from these weights, chain after chain, and from the first again if there are more chains. By default each
            /// chain starts from a draw of the model's posterior; matrices that have never been trained start from the random
            /// values of [`Bayesian::initialise`](crate::Bayesian::initialise).
            #[must_use]
            pub fn start_from(mut self, weights: Vec<Weights<T>>) -> Self {
                self.options.start = weights;
                self
            }

            /// Saves each chain in `folder`, in a file of its own, every `every` draws and at its end, each time in one step; goes on
            /// from the files that are there. So a program that was killed and is started again loses at most `every` draws of
            /// each chain, or a warm-up that had not ended; and a run that has ended can be lengthened by a larger number of
            /// [`draws`].
            ///
            #[doc = concat!("[`draws`]: ", stringify!($sampler), "::draws")]
            ///
            /// What goes on is the chain, not the sampler: the draws, the last weights and the counts of [`Chain`](crate::Chain)
            /// are restored; the scales, the step size and the generator are inside of `nuts-rs`, which cannot save them. So a
            /// chain goes on from its last draw after another warm-up, of half the length, with noise of another key: it has the
            /// same distribution as an undisturbed chain, but other numbers. Equal files give equal chains.
            ///
            /// Each file is like one of [`Chains::write`](crate::Chains::write), with all draws of a chain so far.
            #[must_use]
            pub fn checkpoint(mut self, folder: impl Into<std::path::PathBuf>, every: usize) -> Self {
                self.checkpoint = Some(Checkpoint { folder: folder.into(), every });
                self
            }

            /// Samples the weights of `model` given `data`.
            ///
            /// It does not compile for a model in which examples depend on each other, as in batch normalisation.
            ///
            /// # Errors
            /// [`McmcError`], if possible before the first transition.
            pub fn run<'m, M>(&self, model: &'m M, data: &Examples<T, L::Targets>) -> Result<Chains<&'m M>, McmcError>
            where
                M: Bayesian<Scalar = T, Batch: Independent> + Model + Sync,
                L: Likelihood<T> + Sync,
                L::Targets: Sync + Send,
            {
                self.run_by(&Alone, model, data)
            }

            /// [`run`]: the chains are shared by the processes that a launcher of MPI has started, and each returns all of them. They are
            /// the same, bit for bit, for any number of ranks. Rank 0 shows its own progress. If a chain fails, all ranks get its error.
            /// Needs the feature `mpi`; see `docs/distributed.md`.
            ///
            #[doc = concat!("[`run`]: ", stringify!($sampler), "::run")]
            ///
            /// ```no_run
            /// # use elbo::prelude::*;
            #[doc = concat!("# use elbo::", stringify!($sampler), ";")]
            /// # let data: Examples = Examples::new(Tensor::zeros([40, 2]), vec![0; 40])?;
            /// # let model = Dense::new(2, 2);
            /// let ranks = elbo::Ranks::start()?;
            #[doc = concat!("let chains = ", stringify!($sampler), "::new(Categorical).chains(8).run_on(&ranks, &model, &data)?;")]
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            ///
            /// With a [`checkpoint`], each rank saves its chains in the folder that it sees: go on with as many ranks, or with a folder
            /// that all of them see.
            ///
            #[doc = concat!("[`checkpoint`]: ", stringify!($sampler), "::checkpoint")]
            ///
            /// # Errors
            /// [`McmcError`].
            #[cfg(feature = "mpi")]
            pub fn run_on<'m, M>(
                &self,
                ranks: &crate::distributed::Ranks,
                model: &'m M,
                data: &Examples<T, L::Targets>,
            ) -> Result<Chains<&'m M>, McmcError>
            where
                M: Bayesian<Scalar = T, Batch: Independent> + Model + Sync,
                L: Likelihood<T> + Sync,
                L::Targets: Sync + Send,
            {
                self.run_by(ranks, model, data)
            }

            fn run_by<'m, M>(
                &self,
                exchange: &dyn Exchange,
                model: &'m M,
                data: &Examples<T, L::Targets>,
            ) -> Result<Chains<&'m M>, McmcError>
            where
                M: Bayesian<Scalar = T, Batch: Independent> + Model + Sync,
                L: Likelihood<T> + Sync,
                L::Targets: Sync + Send,
            {
                let Self { options, checkpoint, likelihood, .. } = self;
                run((self.kernel()?, exchange), options, checkpoint.as_ref(), likelihood, model, data)
            }
        }
    };
}

options!(Nuts);
options!(Mclmc);

impl<L, T: Real> Nuts<L, T> {
    /// With a mass matrix of a diagonal and a low rank, mean acceptance 0.8 and trees of depth 10 at most.
    pub fn new(likelihood: L) -> Self {
        Nuts {
            likelihood,
            options: Options::new(),
            checkpoint: None,
            low_rank: true,
            target_acceptance: 0.8,
            max_depth: 10,
        }
    }

    /// Adapts only the diagonal of the mass matrix: for very many weights, where the directions of strong correlation are not
    /// worth their time.
    #[must_use]
    pub fn diagonal(mut self) -> Self {
        self.low_rank = false;
        self
    }

    /// Sets the mean acceptance to which the step size is adapted, 0.8 by default. A larger one makes smaller steps, against
    /// divergences.
    #[must_use]
    pub fn target_acceptance(mut self, acceptance: f64) -> Self {
        self.target_acceptance = acceptance;
        self
    }

    /// Sets the largest depth of a tree, 10 by default: a draw takes at most 2^depth − 1 gradients.
    #[must_use]
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.max_depth = depth;
        self
    }

    fn kernel(&self) -> Result<Kernel, McmcError> {
        let Nuts { low_rank, target_acceptance, max_depth, .. } = *self;
        if !(0.0 < target_acceptance && target_acceptance < 1.0) {
            let mistake = format!("target_acceptance: it must be between 0 and 1, got {target_acceptance}");
            return Err(McmcError::Options(mistake));
        }
        if !(1..=20).contains(&max_depth) {
            return Err(McmcError::Options(format!("max_depth: it must be from 1 to 20, got {max_depth}")));
        }
        Ok(Kernel::Nuts { low_rank, target_acceptance, max_depth })
    }
}

impl<L, T: Real> Mclmc<L, T> {
    /// With a step size of 0.5 and a decoherence length of 3.
    pub fn new(likelihood: L) -> Self {
        Mclmc { likelihood, options: Options::new(), checkpoint: None, step_size: 0.5, decoherence_length: 3.0 }
    }

    /// Sets the step size in standard deviations of the posterior, 0.5 by default. The bias grows with it.
    #[must_use]
    pub fn step_size(mut self, step_size: f64) -> Self {
        self.step_size = step_size;
        self
    }

    /// Sets the length, in standard deviations of the posterior, in which the direction is forgotten, 3 by default.
    #[must_use]
    pub fn decoherence_length(mut self, length: f64) -> Self {
        self.decoherence_length = length;
        self
    }

    fn kernel(&self) -> Result<Kernel, McmcError> {
        let Mclmc { step_size, decoherence_length, .. } = *self;
        for (name, value) in [("step_size", step_size), ("decoherence_length", decoherence_length)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(McmcError::Options(format!("{name}: it must be positive and finite, got {value}")));
            }
        }
        Ok(Kernel::Microcanonical { step_size, decoherence_length })
    }
}
