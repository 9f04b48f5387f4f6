//! `Swag`: its options, and the training.

use std::ops::ControlFlow;

use crate::data::Examples;
use crate::engine::{Key, Path, with_threads};
use crate::infer::map::Map;
use crate::infer::swag::moments::Moments;
use crate::infer::swag::point;
use crate::infer::swag::posterior::SwagPosterior;
use crate::infer::swag::rate::rate;
use crate::infer::vi::{Budget, Epochs, TrainError};
use crate::likelihood::Likelihood;
use crate::model::forward_by::Own;
use crate::model::{Bayesian, Model};
use crate::optim::{Adam, Optimizer, Sgd};
use crate::samples::Draws;

/// The largest chosen batch of the iterates; a batch has at most an eighth of the examples, so that its gradient has noise.
const BATCH: usize = 64;

/// The fewest steps from one iterate to the next, unless they are set.
const STEPS_BETWEEN: usize = 50;

/// SWAG (Maddox, Izmailov, Garipov, Vetrov and Wilson 2019, "A simple baseline for Bayesian uncertainty in deep learning"): a
/// normal distribution around the average of the iterates of stochastic gradient descent at a constant rate,
/// N(θ̄, ½ (Σ_diag + D Dᵀ/(K − 1))), with their variances Σ_diag and the last K deviations D.
///
/// [`fit`](Swag::fit) trains the struct by [`Map`] for the budget, continues at a constant rate, sets the struct to the
/// iterates' average, and returns [draws](SwagPosterior) around it. For each draw the running statistics of a batch normalisation are
/// made anew from the training inputs.
///
/// | | by default |
/// |---|---|
/// | [learning rate](Swag::learning_rate) | that at which descent samples most like the posterior (Mandt, Hoffman and Blei 2017), or half the inverse of the largest curvature if that is smaller |
/// | [batch size](Swag::batch_size) | 64, and at most an eighth of the examples |
/// | [iterates](Swag::iterates) | 40, after a quarter as many that are not kept |
/// | [epochs between iterates](Swag::every) | 1, or as many as make 50 steps |
/// | [rank](Swag::rank) | K = 20 |
/// | [draws](Swag::draws) | 32 |
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::Swag;
///
/// # let x = Tensor::from_fn([40, 2], |i| (i as f64 * 0.7).sin());
/// # let train: Examples = Examples::new(x, (0..40).map(|i| i % 2).collect())?;
/// let mut model = Dense::new(2, 2);
/// let swag = Swag::new(Categorical).quiet().fit(&mut model, &train, Epochs(20))?;
/// let predictions = swag.predict(&Categorical, train.inputs());
/// # assert_eq!(swag.count(), 32);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Swag<L, O = Adam> {
    pub(super) map: Map<L, O>,
    options: SwagOptions,
}

#[derive(Clone, Debug)]
struct SwagOptions {
    rate: Option<f64>,
    batch_size: Option<usize>,
    iterates: usize,
    every: Option<Epochs>,
    rank: usize,
    draws: usize,
}

impl<L> Swag<L> {
    /// The defaults.
    pub fn new(likelihood: L) -> Self {
        Swag::of(Map::new(likelihood))
    }
}

impl<L, O> Swag<L, O> {
    /// SWAG from the estimate that `map` trains, with its seed, threads and progress.
    pub fn of(map: Map<L, O>) -> Self {
        let options = SwagOptions { rate: None, batch_size: None, iterates: 40, every: None, rank: 20, draws: 32 };
        Swag { map, options }
    }

    /// Sets the constant learning rate of descent on the mean loss, −ln p(y, w | x)/N: w ← w − η ∇.
    pub fn learning_rate(mut self, rate: f64) -> Self {
        self.options.rate = Some(rate);
        self
    }

    /// Sets the number of examples of a minibatch at the constant rate. That of the training by [`Map`] is set by
    /// [`Map::batch_size`].
    pub fn batch_size(mut self, examples: usize) -> Self {
        self.options.batch_size = Some(examples);
        self
    }

    /// Sets the number of iterates that are collected.
    pub fn iterates(mut self, iterates: usize) -> Self {
        self.options.iterates = iterates;
        self
    }

    /// Sets the epochs from one iterate to the next.
    pub fn every(mut self, epochs: Epochs) -> Self {
        self.options.every = Some(epochs);
        self
    }

    /// Sets K, the number of deviations that are kept, each as large as the weights. With 0 or 1 the covariance is diagonal.
    pub fn rank(mut self, rank: usize) -> Self {
        self.options.rank = rank;
        self
    }

    /// Sets the number of draws, each a copy of the model.
    pub fn draws(mut self, draws: usize) -> Self {
        self.options.draws = draws;
        self
    }

    /// Sets the seed of everything random: [`Map::seed`].
    pub fn seed(self, seed: u64) -> Self {
        Swag { map: self.map.seed(seed), ..self }
    }

    /// Uses at most this many threads. The result is the same, bit for bit.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn threads(self, threads: usize) -> Self {
        Swag { map: self.map.threads(threads), ..self }
    }

    /// Shows no progress.
    pub fn quiet(self) -> Self {
        Swag { map: self.map.quiet(), ..self }
    }

    /// Trains `model` on `data` by [`Map`] for the budget, and then at a constant rate; sets it to the average of the iterates, and
    /// draws from the approximation. With `Epochs(0)` it starts from the model as it is.
    ///
    /// # Errors
    /// As [`Map::fit`]; [`TrainError::Options`] for an option that is out of range, or if no learning rate can be chosen.
    pub fn fit<M>(
        &self,
        model: &mut M,
        data: &Examples<M::Scalar, L::Targets>,
        budget: impl Into<Budget>,
    ) -> Result<SwagPosterior<M>, TrainError>
    where
        M: Model + Bayesian + Clone + Send + Sync,
        L: Likelihood<M::Scalar> + Clone + Send + Sync,
        L::Targets: Send + Sync,
        O: Optimizer + Clone + Send,
    {
        self.options.check()?;
        let mut map = self.map.clone();
        let map_report = map.fit(model, data, budget)?;
        let (threads, shown, seed) = (map.0.most_threads(), map.0.is_shown(), map.0.seed_of());
        let batch_size = self.options.batch_size.unwrap_or(BATCH.min(data.len() / 8).max(1));
        let batches = data.len().div_ceil(batch_size);
        let Epochs(every) = self.options.every.unwrap_or(Epochs(STEPS_BETWEEN.div_ceil(batches.max(1))));
        let frozen = frozen(model, map.0.optimizer_of());
        let chosen = || {
            let is_frozen = |name: &str| frozen.iter().any(|frozen| frozen == name);
            let likelihood = map.0.likelihood();
            with_threads(threads, || rate(model, likelihood, data, batch_size, &Own, is_frozen, Key::new(seed)))
        };
        let Some(rate) = self.options.rate.or_else(chosen) else {
            let mistake = "Swag: no learning rate can be chosen, because the loss does not change with the weights, or is not \
                           finite; set `.learning_rate(..)`";
            return Err(TrainError::Options(mistake.to_owned()));
        };
        let mut sgd = Sgd::new(rate);
        for name in &frozen {
            sgd = sgd.freeze(name);
        }
        let mut descent = map.0.at_constant_rate(sgd, batch_size);
        let (iterates, discarded) = (self.options.iterates, self.options.iterates / 4);
        let mut moments = Moments::new(self.options.rank);
        let mut epoch = 0;
        let collect = |_: &_, model: &M| {
            epoch += 1;
            if epoch % every == 0 && epoch / every > discarded {
                moments.add(&point::read(model));
            }
            ControlFlow::Continue(())
        };
        let epochs = (iterates + discarded).saturating_mul(every);
        let report = descent.training(model, data).on_epoch_end(collect).run(Epochs(epochs))?;
        let draws = Draws(self.options.draws).seed(seed);
        let posterior = with_threads(threads, || {
            SwagPosterior::new(model.clone(), moments, data.inputs(), batch_size, draws, rate, [map_report, report])
        });
        model.copy_from(posterior.mean());
        if shown {
            let rank = posterior.rank();
            eprintln!("SWAG: {iterates} iterates at a learning rate of {rate:.2e}, {rank} deviations");
        }
        Ok(posterior)
    }
}

impl SwagOptions {
    fn check(&self) -> Result<(), TrainError> {
        let SwagOptions { rate, batch_size, iterates, every, rank: _, draws } = self;
        let mistake = if let Some(rate) = rate.filter(|rate| !(*rate > 0.0 && rate.is_finite())) {
            format!("Swag: the learning rate must be positive and finite, got {rate}")
        } else if *batch_size == Some(0) {
            "Swag: a batch must have at least one example, got 0".to_owned()
        } else if *every == Some(Epochs(0)) {
            "Swag: there must be at least one epoch between iterates, got 0".to_owned()
        } else if *iterates < 2 {
            format!("Swag: at least two iterates are needed for a variance, got {iterates}")
        } else if *draws == 0 {
            "Swag: at least one draw is needed, got 0".to_owned()
        } else {
            return Ok(());
        };
        Err(TrainError::Options(mistake))
    }
}

/// The names of the tensors that the optimiser freezes.
fn frozen<M: Bayesian>(model: &M, optimizer: &impl Optimizer) -> Vec<String> {
    let mut names = Vec::new();
    model.visit(&Path::ROOT, &mut |path, _, _| names.push(path.to_string()));
    names.retain(|name| optimizer.is_frozen(name));
    names
}
