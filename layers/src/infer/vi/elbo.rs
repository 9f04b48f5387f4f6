//! `Elbo`: the likelihood, the optimiser and the options of a training.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[cfg(feature = "files")]
use crate::infer::vi::Checkpoint;
use crate::infer::vi::options::Options;
use crate::infer::vi::{Clip, DrawOptions, Schedule};
use crate::objective::{KlWeight, LossOptions, Tempering, WarmUp};
use crate::optim::Adam;
use crate::sampling::{Estimator, Estimators};
use crate::sampling::{check_draws, check_pairs};
use crate::scalar::accepted;

/// Trains models by the evidence lower bound (ELBO), with a likelihood and an optimiser. N, the number of training
/// examples, is the length of the data set.
///
/// ```
/// # use elbo::prelude::*;
/// # use elbo::{Clip, Schedule, Monitor};
/// # let data = Examples::new(Tensor::from_fn([64, 2], |i| (i as f64 * 0.7).sin()), (0..64).map(|i| i % 2).collect())?;
/// # let (train, held_out) = data.split(0.75, 1)?;
/// # let mut model = Dense::new(2, 2);
/// let mut elbo = Elbo::new(Categorical)
///     .batch_size(16)
///     .schedule(Schedule::cosine(3 * 20))
///     .clip(Clip::Norm(10.0))
///     .quiet();
/// let training = elbo
///     .training(&mut model, &train)
///     .validate(&held_out, Draws(8))
///     .early_stopping(Monitor::ValidationNll, 5);
/// let report = training.run(Epochs(20))?;
/// println!("{report}");
/// println!("ELBO {:.1} nats", elbo.evaluate(&model, &train, Draws(32))?.elbo);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Without an optimiser of your own, [`fit`](Elbo::fit) chooses what you do not set ([`Adam::automatic`]):
///
/// | | chosen |
/// |---|---|
/// | [optimiser](Elbo::optimizer) | Adam with rates by the parameters' roles |
/// | [schedule](Elbo::schedule) | the rate rises in the first 5 % of the steps, and falls to 0 by a cosine |
/// | [batch size](Elbo::batch_size) | all examples up to 512, 64 of more |
/// | [estimator](Elbo::estimator) | local reparameterisation for every `MeanField` weight that is used once, on one row of features for each example, in a model whose examples are independent; the others are sampled |
/// | start | standard deviations of 0.1/√n for a matrix (outputs, n inputs) of independent weights and 0.05 for other weights, if they have their constructor's |
/// | [warm-up](Elbo::warm_up) | the divergence's weight grows over the first tenth of the steps, and at most 1,200 |
/// | [clipping](Elbo::clip) | of norms above 8 times their running mean |
///
/// With an optimiser of your own, such as `Adam::new(1e-3)`, nothing of this is chosen: the rate is constant, unless there is a
/// schedule or [`UntilConverged`](crate::UntilConverged) lets it fall; batches have 128 examples, weights are sampled, and every
/// standard deviation starts as its constructor sets it.
///
/// Use one `Elbo` for each model: its optimiser keeps the model's moments, and its step count goes on from one call of
/// [`fit`](Elbo::fit) to the next, so that training in two calls equals training in one, with two exceptions: a chosen schedule
/// spans one call (and a chosen warm-up the first), and [`Clip::Outliers`] begins its mean anew. So do not call `fit` for one
/// epoch at a time without a schedule of your own. A second model with other parameter shapes is refused; one with the same shapes cannot be detected.
#[derive(Clone, Debug)]
#[must_use]
pub struct Elbo<L, O = Adam> {
    pub(super) likelihood: L,
    pub(super) optimizer: O,
    pub(super) options: Options,
    /// Steps taken so far, over all calls.
    pub(super) steps: usize,
    pub(super) epochs: usize,
    /// The batch size of the last training.
    pub(super) last_batch_size: Option<usize>,
}

impl<L> Elbo<L> {
    /// The defaults: everything is chosen, as [`Elbo`] says; seed 0, all cores, and a progress bar.
    pub fn new(likelihood: L) -> Self {
        let options = Options {
            loss: LossOptions::default(),
            batch_size: None,
            accumulated: 1,
            resamples: false,
            seed: 0,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            shown: true,
            draw: DrawOptions::new(),
            schedule: None,
            clip: None,
            stop: None,
            #[cfg(feature = "files")]
            checkpoint: None,
        };
        Elbo { likelihood, optimizer: Adam::automatic(), options, steps: 0, epochs: 0, last_batch_size: None }
    }
}

impl<L, O> Elbo<L, O> {
    /// Sets the optimiser.
    pub fn optimizer<P>(self, optimizer: P) -> Elbo<L, P> {
        let Elbo { likelihood, optimizer: _, options, steps, epochs, last_batch_size } = self;
        Elbo { likelihood, optimizer, options, steps, epochs, last_batch_size }
    }

    /// Sets the batch size. The last batch of an epoch holds the remaining examples.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn batch_size(mut self, examples: usize) -> Self {
        assert!(examples > 0, "Elbo: a batch must have at least one example, got 0");
        self.options.batch_size = Some(examples);
        self
    }

    /// Accumulates the gradients of `batches` batches before each step of the optimiser, for a step on more examples than fit
    /// into memory: `batch_size(64).accumulate(4)` has the loss, gradient and KL weight of `batch_size(256)`, with one draw
    /// of the weights and one divergence for each step. Noise for each example, such as dropout's, is other noise.
    ///
    /// Steps of a schedule, a warm-up and a report are steps of the optimiser. Batch normalisation normalises each batch by
    /// itself, and its running statistics take the mean of the batches'. Memory for one more copy of the gradients is used.
    ///
    /// # Panics
    /// If it is 0.
    #[doc(alias = "gradient accumulation")]
    #[track_caller]
    pub fn accumulate(mut self, batches: usize) -> Self {
        assert!(batches > 0, "Elbo: at least one batch must be accumulated, got 0");
        self.options.accumulated = batches;
        self
    }

    /// Sets how the divergence is distributed over the steps of an epoch.
    pub fn kl_weight(mut self, kl_weight: KlWeight) -> Self {
        self.options.loss = self.options.loss.kl_weight(kl_weight);
        self
    }

    /// Tempers a term of the bound. Reports show the untempered bound.
    ///
    /// # Panics
    /// If its factor is not positive and finite.
    #[track_caller]
    pub fn tempering(mut self, tempering: Tempering) -> Self {
        self.options.loss = self.options.loss.tempering(tempering);
        self
    }

    /// Sets the free nats of each weight's divergence: [`Objective::free_nats`](crate::Objective::free_nats). Reports
    /// show the full divergence.
    ///
    /// # Panics
    /// If `nats` is negative or not finite.
    #[track_caller]
    pub fn free_nats(mut self, nats: f64) -> Self {
        self.options.loss = self.options.loss.free_nats(nats);
        self
    }

    /// Sets a warm-up of the divergence's weight (KL annealing). Reports show the bound with the full divergence.
    pub fn warm_up(mut self, warm_up: WarmUp) -> Self {
        self.options.loss = self.options.loss.warm_up(warm_up);
        self
    }

    /// Sets the seed of everything random: the initial means that [`fit`](Elbo::fit) draws, the noise, and the order of
    /// the examples.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// Uses at most this many threads, as [`with_threads`](crate::with_threads) does. The result is the same, bit for
    /// bit.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn threads(mut self, threads: usize) -> Self {
        assert!(threads > 0, "Elbo: at least one thread is needed, got 0");
        self.options.threads = threads;
        self
    }

    /// Sets one estimator for all weights.
    pub fn estimator(self, estimator: Estimator) -> Self {
        self.estimators(Estimators::all(estimator))
    }

    /// Sets estimators by the weights' names.
    pub fn estimators(mut self, estimators: Estimators) -> Self {
        self.options.draw.estimators = Some(estimators);
        self
    }

    /// Sets the number of draws of the weights in each step; the loss is their mean. See
    /// [`Drawing::draws`](crate::Drawing::draws).
    ///
    /// # Panics
    /// If it is 0, or 2³² or more.
    #[track_caller]
    pub fn draws(mut self, draws: usize) -> Self {
        check_draws("Elbo", draws);
        self.options.draw = DrawOptions { draws, antithetic: false, ..self.options.draw };
        self
    }

    /// Sets the number of antithetic pairs of draws in each step. See
    /// [`Drawing::antithetic_pairs`](crate::Drawing::antithetic_pairs).
    ///
    /// # Panics
    /// If it is 0, or 2³¹ or more.
    #[track_caller]
    pub fn antithetic_pairs(mut self, pairs: usize) -> Self {
        check_pairs("Elbo", pairs);
        self.options.draw = DrawOptions { draws: 2 * pairs, antithetic: true, ..self.options.draw };
        self
    }

    /// Takes the gradients of estimated divergences along the path only. See
    /// [`Drawing::path_derivative`](crate::Drawing::path_derivative).
    pub fn path_derivative(mut self) -> Self {
        self.options.draw.path_derivative = true;
        self
    }

    /// Sets a learning-rate schedule.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.options.schedule = Some(schedule);
        self
    }

    /// Clips gradients before the optimiser's step.
    ///
    /// # Panics
    /// If the limit is not positive.
    #[track_caller]
    pub fn clip(mut self, clip: Clip) -> Self {
        self.options.clip = Some(accepted(clip.check()));
        self
    }

    /// Saves the training in a folder now and then, and goes on from the last checkpoint there if there is one: a program that
    /// was killed is simply started again. The training is then the same as one that was never interrupted, bit for bit, with any
    /// number of threads. Needs the feature `files`.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// use elbo::Checkpoint;
    ///
    /// # let folder = std::env::temp_dir().join(format!("run-{}", std::process::id()));
    /// # let train = Examples::new(Tensor::from_fn([16, 2], |i| (i as f64).sin()), vec![0; 16])?;
    /// let mut model = Dense::new(2, 2);
    /// let checkpoint = Checkpoint::new(&folder).every_epochs(5).keep_best();
    /// let report = Elbo::new(Categorical).checkpoint(checkpoint).quiet().fit(&mut model, &train, Epochs(20))?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A checkpoint belongs to one training: a changed model, changed data or settings are an error that says what differs. Numbers
    /// of threads and progress may differ. A checkpoint of a training that has ended is its result, and nothing is trained. If the
    /// newest file is damaged, the one before it is taken, and a line on the standard error says so.
    ///
    /// What a [callback](crate::Training::on_epoch_end) keeps, such as an [`Ema`](crate::Ema), is not saved. After a training
    /// that did not end, by an error or by [`stop_when`](Elbo::stop_when), the counts of steps and epochs are those before it, and
    /// `fit` goes on from the checkpoint. If there is none yet, start again from a new model and a new `Elbo`: the optimiser has kept its
    /// moments.
    #[cfg(feature = "files")]
    pub fn checkpoint(mut self, checkpoint: Checkpoint) -> Self {
        self.options.checkpoint = Some(checkpoint);
        self
    }

    /// Ends a training after the step in which `flag` becomes true, as a handler of Ctrl-C may set it: the training saves its
    /// [checkpoint](Elbo::checkpoint), if it has one, and returns with the current parameters.
    /// [`Report::is_stopped`](crate::Report::is_stopped) says so.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::AtomicBool;
    ///
    /// # use elbo::prelude::*;
    /// # let train = Examples::new(Tensor::from_fn([16, 2], |i| (i as f64).sin()), vec![0; 16])?;
    /// # let mut model = Dense::new(2, 2);
    /// let flag = Arc::new(AtomicBool::new(false));      // clone it into a signal handler, such as that of the crate `ctrlc`
    /// # flag.store(true, std::sync::atomic::Ordering::Relaxed);
    /// let report = Elbo::new(Categorical).stop_when(&flag).quiet().fit(&mut model, &train, Epochs(20))?;
    /// assert!(report.is_stopped());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stop_when(mut self, flag: &Arc<AtomicBool>) -> Self {
        self.options.stop = Some(Arc::clone(flag));
        self
    }

    /// Shows no progress.
    pub fn quiet(mut self) -> Self {
        self.options.shown = false;
        self
    }
}
