//! What is trained with: the likelihood, the optimiser and the options.

use crate::infer::vi::{Clip, DrawOptions, Schedule, TrainError};
use crate::model::Bayesian;
use crate::objective::LossOptions;
use crate::objective::{KlWeight, Tempering, WarmUp};
use crate::optim::{Adam, Optimizer};
use crate::sampling::{Estimator, Estimators};
use crate::sampling::{check_draws, check_pairs};

/// Training by the evidence lower bound: a likelihood, and how to optimise. N, the number of training examples, is the
/// length of the data set that it trains on.
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
/// let training = elbo.training(&mut model, &train).validate(&held_out, Draws(8)).early_stopping(Monitor::ValidationNll, 5);
/// let report = training.run(Epochs(20))?;
/// println!("{report}");
/// println!("ELBO {:.1} nats", elbo.evaluate(&model, &train, Draws(32))?.elbo);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// One of these trains one model: its optimiser remembers the model's gradients, and its steps are numbered on through
/// several calls of [`fit`](Elbo::fit), so that training in two calls is training in one. For another model make another: one
/// of another form is refused, and one of the same form cannot be told from the first.
#[derive(Clone, Debug)]
#[must_use]
pub struct Elbo<L, O = Adam> {
    pub(super) likelihood: L,
    pub(super) optimizer: O,
    pub(super) options: Options,
    /// Steps and epochs so far.
    pub(super) steps: usize,
    pub(super) epochs: usize,
}

/// What is chosen for training beside the likelihood and the optimiser.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) loss: LossOptions,
    pub(super) batch_size: usize,
    pub(super) seed: u64,
    pub(super) threads: usize,
    pub(super) shown: bool,
    pub(super) draw: DrawOptions,
    pub(super) schedule: Option<Schedule>,
    pub(super) clip: Option<Clip>,
}

impl<L> Elbo<L> {
    /// With Adam at a rate of 1e-3, batches of 128, seed 0, all cores, and progress shown.
    pub fn new(likelihood: L) -> Self {
        let options = Options {
            loss: LossOptions::default(),
            batch_size: 128,
            seed: 0,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            shown: true,
            draw: DrawOptions::new(),
            schedule: None,
            clip: None,
        };
        Elbo { likelihood, optimizer: Adam::new(1e-3), options, steps: 0, epochs: 0 }
    }
}

impl<L, O> Elbo<L, O> {
    /// With another optimiser.
    pub fn optimizer<P>(self, optimizer: P) -> Elbo<L, P> {
        let Elbo { likelihood, optimizer: _, options, steps, epochs } = self;
        Elbo { likelihood, optimizer, options, steps, epochs }
    }

    /// With `examples` examples a batch. The last batch of an epoch holds what is left.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn batch_size(mut self, examples: usize) -> Self {
        assert!(examples > 0, "Elbo: a batch must have at least one example, got 0");
        self.options.batch_size = examples;
        self
    }

    /// With the divergence shared out among an epoch's steps in this way.
    pub fn kl_weight(mut self, kl_weight: KlWeight) -> Self {
        self.options.loss = self.options.loss.kl_weight(kl_weight);
        self
    }

    /// With the bound's terms tempered. Reports give the bound as it is without.
    ///
    /// # Panics
    /// If its number is not positive and finite.
    #[track_caller]
    pub fn tempering(mut self, tempering: Tempering) -> Self {
        self.options.loss = self.options.loss.tempering(tempering);
        self
    }

    /// With so many nats of each weight's divergence free: [`Objective::free_nats`](crate::Objective::free_nats). Reports give
    /// the divergence as it is.
    ///
    /// # Panics
    /// If the number is negative or not finite.
    #[track_caller]
    pub fn free_nats(mut self, nats: f64) -> Self {
        self.options.loss = self.options.loss.free_nats(nats);
        self
    }

    /// With the divergence growing to its full weight. Reports give the bound with the full divergence.
    pub fn warm_up(mut self, warm_up: WarmUp) -> Self {
        self.options.loss = self.options.loss.warm_up(warm_up);
        self
    }

    /// With this seed of everything random: the initial means that [`fit`](Elbo::fit) draws, the noise, and the order of the
    /// examples.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// On at most this many threads, as [`with_threads`](crate::with_threads) gives them. The result is the same bit for bit.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn threads(mut self, threads: usize) -> Self {
        assert!(threads > 0, "Elbo: at least one thread is needed, got 0");
        self.options.threads = threads;
        self
    }

    /// With this estimator for every weight.
    pub fn estimator(self, estimator: Estimator) -> Self {
        self.estimators(Estimators::all(estimator))
    }

    /// With these estimators, by the weights' names.
    pub fn estimators(mut self, estimators: Estimators) -> Self {
        self.options.draw.estimators = estimators;
        self
    }

    /// With so many draws of the weights a step, whose mean is the loss; see
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

    /// With so many antithetic pairs of draws a step; see
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

    /// With gradients of estimated divergences through the weights drawn alone; see
    /// [`Drawing::path_derivative`](crate::Drawing::path_derivative).
    pub fn path_derivative(mut self) -> Self {
        self.options.draw.path_derivative = true;
        self
    }

    /// With a learning rate that changes with the steps.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.options.schedule = Some(schedule);
        self
    }

    /// With gradients cut before the optimiser sees them.
    ///
    /// # Panics
    /// If the limit is not positive.
    #[track_caller]
    pub fn clip(mut self, clip: Clip) -> Self {
        clip.check();
        self.options.clip = Some(clip);
        self
    }

    /// Without progress.
    pub fn quiet(mut self) -> Self {
        self.options.shown = false;
        self
    }

    /// Whether the options, and the optimiser, are for `model`, and for a training of `epochs` epochs of `batches` batches.
    ///
    /// # Errors
    /// [`TrainError::Options`] or [`TrainError::Schedule`] if not.
    pub(super) fn check_options<M: Bayesian>(&self, model: &M, epochs: usize, batches: usize) -> Result<(), TrainError>
    where
        O: Optimizer,
    {
        let Options { loss, draw, clip, schedule, .. } = &self.options;
        let check = || {
            loss.check_in::<M::Scalar>()?;
            loss.check_shares(batches)?;
            clip.map_or(Ok(()), Clip::check_in::<M::Scalar>)?;
            draw.estimators.check_names(model)?;
            self.optimizer.check(model)
        };
        check().map_err(TrainError::Options)?;
        let Some(schedule) = schedule else { return Ok(()) };
        let first = self.steps.next_multiple_of(batches);
        let needed = first.saturating_add(epochs.saturating_mul(batches));
        if let Some(end) = schedule.end().filter(|&end| end < needed) {
            return Err(TrainError::Schedule { end, needed });
        }
        // A function of one's own may fail in between: the step says so then.
        let ends = if needed > first { &[first, needed - 1][..] } else { &[] };
        ends.iter().try_for_each(|&step| schedule.try_factor(step).map(|_| ())).map_err(TrainError::Options)
    }
}
