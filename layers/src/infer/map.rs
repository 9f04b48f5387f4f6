//! `Map`: maximum a posteriori estimates.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::data::Examples;
use crate::engine::Var;
#[cfg(feature = "files")]
use crate::infer::vi::Checkpoint;
use crate::infer::vi::{Budget, Clip, Elbo, Report, Schedule, TrainError, Training};
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::optim::{Adam, Optimizer};

/// Maximum a posteriori (MAP) estimation: trains the weights of a model to the maximum of their log joint density with the data,
/// Σ ln p(y | x, w) + ln p(w). With the prior N(0, s²) this is training with a weight decay of 1/s².
///
/// It trains the same struct as [`Elbo`]: the posteriors' means become the estimate, and their scales keep their values.
/// [`point_estimate`](crate::PredictFromPosterior::point_estimate) predicts with it. It is the point about which
/// Laplace's approximation is made, and a good start of chains.
///
/// - The density is that of the [unconstrained](crate::Weights::unconstrained) numbers, as of chains and of
///   [`Laplace`](struct@crate::Laplace): that of a positive weight's logarithm, whose mode is not that of the weight.
/// - Hyperparameters of priors, as of a [`LearnedNormal`](struct@crate::LearnedNormal), are not learned: the density grows
///   without limit as the weights and their prior's scale go to 0 together. A random scale
///   ([`HierarchicalNormal`](struct@crate::HierarchicalNormal)) is learned, with that danger.
/// - Layers that make noise, such as dropout, are on in training.
/// - In a [`Report`], `kl` is −ln p of these numbers and `elbo` is the log joint density, both in nats.
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::Map;
///
/// # let x = Tensor::from_fn([40, 2], |i| (i as f64 * 0.7).sin());
/// # let train: Examples = Examples::new(x, (0..40).map(|i| i % 2).collect())?;
/// let mut model = Dense::new(2, 2);
/// Map::new(Categorical).quiet().fit(&mut model, &train, Epochs(20))?;
/// let predictions = model.point_estimate().predict(&Categorical, train.inputs());
/// # assert!(predictions.accuracy(train.targets()) > 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Map<L, O = Adam>(pub(in crate::infer) Elbo<L, O>);

impl<L> Map<L> {
    /// The defaults, as far as they concern a point estimate, are those of [`Elbo::new`]: rates by the parameters' roles, batch
    /// size and schedule are chosen.
    pub fn new(likelihood: L) -> Self {
        Map(Elbo::new(likelihood).at_point())
    }
}

impl<L, O> Map<L, O> {
    /// Sets the optimiser: [`Elbo::optimizer`].
    pub fn optimizer<P>(self, optimizer: P) -> Map<L, P> {
        Map(self.0.optimizer(optimizer))
    }

    /// Trains `model` on `data` for a [`Budget`]: [`Elbo::fit`].
    ///
    /// # Errors
    /// As [`Elbo::fit`].
    pub fn fit<M>(
        &mut self,
        model: &mut M,
        data: &Examples<M::Scalar, L::Targets>,
        budget: impl Into<Budget>,
    ) -> Result<Report, TrainError>
    where
        M: Model + Bayesian + Send + Sync,
        L: Likelihood<M::Scalar> + Send,
        L::Targets: Send + Sync,
        O: Optimizer + Send,
    {
        self.0.fit(model, data, budget)
    }

    /// [`fit`](Map::fit) with your own `forward`: [`Elbo::fit_with`].
    ///
    /// # Errors
    /// As [`fit`](Map::fit).
    pub fn fit_with<M>(
        &mut self,
        model: &mut M,
        data: &Examples<M::Scalar, L::Targets>,
        budget: impl Into<Budget>,
        forward: impl for<'t> Fn(M::Draw<'t>, Var<'t, M::Scalar>) -> Var<'t, M::Scalar> + Send + Sync,
    ) -> Result<Report, TrainError>
    where
        M: Bayesian + Send + Sync,
        L: Likelihood<M::Scalar> + Send,
        L::Targets: Send + Sync,
        O: Optimizer + Send,
    {
        self.0.fit_with(model, data, budget, forward)
    }

    /// Configures a training beyond [`fit`](Map::fit): validation, at the estimate, whatever the number of draws; early
    /// stopping; callbacks.
    pub fn training<'a, M>(
        &'a mut self,
        model: &'a mut M,
        data: &'a Examples<M::Scalar, L::Targets>,
    ) -> Training<'a, M, L, O>
    where
        M: Bayesian + Send + Sync,
        L: Likelihood<M::Scalar> + Send,
        L::Targets: Send + Sync,
        O: Optimizer + Send,
    {
        self.0.training(model, data)
    }
}

/// The options that are those of [`Elbo`].
macro_rules! options {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty)?);)+) => {
        impl<L, O> Map<L, O> {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $name(self $(, $argument: $type)?) -> Self {
                    Map(self.0.$name($($argument)?))
                }
            )+
        }
    };
}

options! {
    /// Sets the batch size: [`Elbo::batch_size`].
    ///
    /// # Panics
    /// If it is 0.
    batch_size(examples: usize);

    /// Accumulates the gradients of several batches for a step: [`Elbo::accumulate`].
    ///
    /// # Panics
    /// If it is 0.
    accumulate(batches: usize);

    /// Sets the seed of everything random: [`Elbo::seed`].
    seed(seed: u64);

    /// Uses at most this many threads: [`Elbo::threads`]. The result is the same, bit for bit.
    ///
    /// # Panics
    /// If it is 0.
    threads(threads: usize);

    /// Sets a learning-rate schedule: [`Elbo::schedule`].
    schedule(schedule: Schedule);

    /// Clips gradients before the optimiser's step: [`Elbo::clip`].
    ///
    /// # Panics
    /// If the limit is not positive.
    clip(clip: Clip);

    /// Saves the training in a folder, and goes on from there: [`Elbo::checkpoint`]. Of an [`Ensemble`](crate::Ensemble), each
    /// member has a folder of its own in it.
    #[cfg(feature = "files")]
    checkpoint(checkpoint: Checkpoint);

    /// Ends a training after the step in which `flag` becomes true: [`Elbo::stop_when`].
    stop_when(flag: &Arc<AtomicBool>);

    /// Shows no progress.
    quiet();
}
