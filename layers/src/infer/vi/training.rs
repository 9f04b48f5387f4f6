//! `Training`: a training configured with validation, early stopping and an epoch callback.

use std::ops::ControlFlow;

use crate::data::{Examples, Targets};
use crate::distributed::{Alone, Exchange};
use crate::engine::with_threads;
use crate::engine::{Real, Var};
use crate::infer::vi::early_stopping::{EarlyStopping, Monitor};
use crate::infer::vi::{Budget, Elbo, Epoch, Report, TrainError};
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::Model;
use crate::model::forward_by::{By, Outputs, Own};
use crate::optim::Optimizer;
use crate::properties::Independent;
use crate::samples::Draws;

/// The shards of a batch for ranks, if nothing else is set.
#[cfg(feature = "mpi")]
const SHARDS: usize = 8;

/// The callback after each epoch.
type OnEpochEnd<'a, M> = Box<dyn FnMut(&Epoch, &M) -> ControlFlow<()> + Send + 'a>;

/// The validation set.
pub(super) struct Validation<'a, T: Real, Y: Targets> {
    pub(super) data: &'a Examples<T, Y>,
    pub(super) draws: Draws,
}

/// The options of one training.
pub(super) struct TrainingOptions<'a, M: Bayesian, Y: Targets> {
    pub(super) validation: Option<Validation<'a, M::Scalar, Y>>,
    pub(super) early_stopping: Option<EarlyStopping>,
    pub(super) on_epoch_end: Option<OnEpochEnd<'a, M>>,
    /// Whether the threads are shared with tasks other than training.
    pub(super) shared: bool,
    /// The number of shards of each batch, if it is split.
    pub(super) shards: Option<usize>,
    /// The processes that train together.
    pub(super) exchange: &'a dyn Exchange,
}

/// A configured training of one model on one training set, from [`Elbo::training`]. Start it with
/// [`run`](Training::run).
#[must_use = "nothing is trained before `run`"]
pub struct Training<'a, M: Bayesian, L: Likelihood<M::Scalar>, O> {
    elbo: &'a mut Elbo<L, O>,
    model: &'a mut M,
    data: &'a Examples<M::Scalar, L::Targets>,
    options: TrainingOptions<'a, M, L::Targets>,
}

impl<'a, M, L, O> Training<'a, M, L, O>
where
    M: Bayesian + Send + Sync,
    L: Likelihood<M::Scalar> + Send,
    L::Targets: Send + Sync,
    O: Optimizer + Send,
{
    pub(super) fn new(elbo: &'a mut Elbo<L, O>, model: &'a mut M, data: &'a Examples<M::Scalar, L::Targets>) -> Self {
        let options = TrainingOptions {
            validation: None,
            early_stopping: None,
            on_epoch_end: None,
            shared: false,
            shards: None,
            exchange: &Alone,
        };
        Training { elbo, model, data, options }
    }

    /// Computes the negative log-likelihood of a validation set after each epoch, averaged over `draws` posterior
    /// draws: [`Epoch::validation_nll`].
    pub fn validate(mut self, data: &'a Examples<M::Scalar, L::Targets>, draws: Draws) -> Self {
        self.options.validation = Some(Validation { data, draws });
        self
    }

    /// Early stopping: ends training once `monitor` has not improved for `patience` epochs in a row, and restores the
    /// parameters of the best epoch, [`Report::best`]. If a step fails, the model keeps the parameters of the last good
    /// step instead. The optimiser keeps the state of the last epoch, not of the best.
    ///
    /// # Panics
    /// If the patience is 0.
    #[track_caller]
    pub fn early_stopping(mut self, monitor: Monitor, patience: usize) -> Self {
        assert!(patience > 0, "early_stopping: the patience must be at least one epoch, got 0");
        self.options.early_stopping = Some(EarlyStopping { monitor, patience });
        self
    }

    /// Calls `callback` after each epoch with the epoch's figures and the model. Returning `ControlFlow::Break(())`
    /// ends training with the current parameters.
    pub fn on_epoch_end(mut self, callback: impl FnMut(&Epoch, &M) -> ControlFlow<()> + Send + 'a) -> Self {
        self.options.on_epoch_end = Some(Box::new(callback));
        self
    }

    /// Splits each batch into this many shards, whose gradients are computed one after the other and added in a fixed binary
    /// tree; the divergence is counted once. Up to rounding, the loss and its gradient are those of the whole batch: all shards
    /// share the weights' noise, and noise by example, as of [`Estimator::Local`](crate::Estimator::Local),
    /// [`Estimator::Flipout`](crate::Estimator::Flipout) and dropout, is that of the example in its batch. It takes one sampling of the
    /// weights for each shard, and memory for 2 + log₂(shards) more copies of the gradients. The trial before the first step and
    /// the check after the last are of whole batches.
    ///
    /// A batch of n examples is split at ⌈i·n/shards⌉; shards of a batch with fewer examples than shards may be empty. If a layer
    /// makes noise for rows that the examples do not have equally many of, or not one after the other, a shard's noise
    /// differs from the whole batch's, with the same distribution.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let train = Examples::new(Tensor::from_fn([64, 2], |i| (i as f64).sin()), vec![0; 64])?;
    /// # let mut model = Dense::new(2, 2);
    /// let mut elbo = Elbo::new(Categorical).batch_size(32).quiet();
    /// let report = elbo.training(&mut model, &train).shards(4).run(Epochs(5))?;
    /// # assert_eq!(report.epochs.len(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A model whose examples depend on each other is refused by the compiler:
    ///
    /// ```compile_fail,E0277
    /// # use elbo::prelude::*;
    /// # let train = Examples::new(Tensor::zeros([64, 2]), Tensor::zeros([64, 2])).unwrap();
    /// let mut model = elbo::nn::BatchNorm::new(2);
    /// Elbo::new(Gaussian::new(1.0)).training(&mut model, &train).shards(4);
    /// ```
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn shards(mut self, shards: usize) -> Self
    where
        M: Bayesian<Batch: Independent>,
    {
        assert!(shards > 0, "Training: a batch must have at least one shard, got 0");
        self.options.shards = Some(shards);
        self
    }

    /// Trains together with the other processes that a launcher of MPI has started: each rank computes the gradients of its shards of
    /// each batch, and all of them take the same step, with the divergence counted once. Parameters, bound and report are those of
    /// one process with as many [`shards`](Training::shards), bit for bit, for any number of ranks. Without `shards` there are
    /// 8. Needs the feature `mpi`; see `docs/distributed.md`.
    ///
    /// All ranks call it with the same model, data and options, which is checked; the parameters of rank 0 count. Rank 0 shows
    /// progress, writes [checkpoints](Elbo::checkpoint), and decides if a [callback](Training::on_epoch_end) ends the training. A
    /// training that is [stopped](Elbo::stop_when) on one rank stops on all. A failure on one rank is the error of all ranks, with the
    /// rank and the examples.
    ///
    /// ```no_run
    /// # use elbo::prelude::*;
    /// # let train = Examples::new(Tensor::from_fn([64, 2], |i| (i as f64).sin()), vec![0; 64])?;
    /// # let mut model = Dense::new(2, 2);
    /// let ranks = elbo::Ranks::start()?;
    /// Elbo::new(Categorical).training(&mut model, &train).ranks(&ranks).run(Epochs(5))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "mpi")]
    pub fn ranks(mut self, ranks: &'a crate::distributed::Ranks) -> Self
    where
        M: Bayesian<Batch: Independent>,
    {
        self.options.exchange = ranks;
        self.options.shards.get_or_insert(SHARDS);
        self
    }

    /// Trains for the [`Budget`], such as [`Epochs`](crate::Epochs) or [`UntilConverged`](crate::UntilConverged), in a new
    /// order each epoch. Shows a progress bar with both terms of the bound if the
    /// standard error is a terminal, and prints lines there if it is not.
    ///
    /// # Errors
    /// [`TrainError`]; the model then holds the parameters of the last good step, or its initial ones.
    pub fn run(self, budget: impl Into<Budget>) -> Result<Report, TrainError>
    where
        M: Model,
    {
        self.start(budget.into(), &Own)
    }

    /// [`run`](Training::run) with your own `forward`: it computes a batch's outputs from a draw of the model and the
    /// inputs.
    ///
    /// # Errors
    /// As [`run`](Training::run).
    pub fn run_with<F>(self, budget: impl Into<Budget>, forward: F) -> Result<Report, TrainError>
    where
        F: for<'t> Fn(M::Draw<'t>, Var<'t, M::Scalar>) -> Var<'t, M::Scalar> + Send + Sync,
    {
        self.start(budget.into(), &By(forward))
    }

    fn start<F: Outputs<M> + Sync>(self, budget: Budget, forward: &F) -> Result<Report, TrainError> {
        let Training { elbo, model, data, mut options } = self;
        let needs_validation = options.early_stopping.is_some_and(|stop| stop.monitor == Monitor::ValidationNll);
        if needs_validation && options.validation.is_none() {
            let mistake =
                "early_stopping: Monitor::ValidationNll needs a validation set; call `.validate(&data, draws)`";
            return Err(TrainError::Options(mistake.to_owned()));
        }
        if let Some(validation) = &options.validation {
            let shape_of = |data: &Examples<M::Scalar, L::Targets>| data.inputs().shape()[1..].to_vec();
            let (training, validation) = (shape_of(data), shape_of(validation.data));
            if training != validation {
                return Err(TrainError::Validation { training, validation });
            }
        }
        let ranks = options.exchange.size();
        if let Some(shards) = options.shards.filter(|&shards| shards < ranks) {
            let mistake = format!(
                "ranks: {ranks} ranks cannot share {shards} shards of a batch; call `.shards({ranks})`, or more, or start fewer ranks"
            );
            return Err(TrainError::Options(mistake));
        }
        let batch_size = elbo.batch_size_for(data.len());
        elbo.check_options(model, budget, [data.len(), elbo.step_size(batch_size)])?;
        options.shared = rayon::current_thread_index().is_some();
        let before = (elbo.steps, elbo.epochs);
        let result =
            with_threads(elbo.options.threads, || elbo.run(model, data, (budget, batch_size), forward, options));
        if elbo.has_checkpoint() && result.as_ref().map_or(true, Report::is_stopped) {
            // The next call goes on from the checkpoint.
            (elbo.steps, elbo.epochs) = before;
        }
        result
    }
}

impl<M: Bayesian, L: Likelihood<M::Scalar>, O> std::fmt::Debug for Training<'_, M, L, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Training");
        shown
            .field("examples", &self.data.len())
            .field("early_stopping", &self.options.early_stopping)
            .finish_non_exhaustive()
    }
}
