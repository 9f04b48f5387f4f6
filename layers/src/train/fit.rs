//! The training loop.

use std::time::Instant;

use crate::bayesian::Bayesian;
use crate::data::{Examples, shuffle};
use crate::drawing::{check_draws, check_pairs};
use crate::outputs::Outputs;
use crate::train::evaluate::{check_targets, nll_of_draws};
use crate::train::progress::Progress;
use crate::train::step::{NonFinite, Recipe, Step};
use crate::train::training::{Asked, Validation};
use crate::train::trial::Batches;
use crate::train::watch::Best;
use crate::train::{Clip, Draw, Epoch, Report, Schedule, TrainError, Training};
use crate::{
    Adam, Estimator, Estimators, Key, KlWeight, Layer, Likelihood, Objective, Optimizer, Real, Tempering, Var, WarmUp,
};

/// How often the training set is gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epochs(
    /// The number of epochs.
    pub usize,
);

/// Training by the evidence lower bound: a likelihood, the number of training examples, and how to
/// optimise.
///
/// ```
/// # use elbo::prelude::*;
/// # use elbo::{Clip, Schedule, Watch};
/// # let data = Examples::new(Tensor::from_fn([64, 2], |i| (i as f64 * 0.7).sin()), (0..64).map(|i| i % 2).collect())?;
/// # let (train, held_out) = data.split(0.75, 1)?;
/// # let mut model = Dense::new(2, 2);
/// let mut elbo = Elbo::new(Categorical, train.len())
///     .batch(16)
///     .schedule(Schedule::cosine(3 * 20))
///     .clip(Clip::Norm(10.0))
///     .quiet();
/// let training = elbo.training(&mut model, &train).validate(&held_out, Draws(8)).stop_early(Watch::ValidationNll, 5);
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
    likelihood: L,
    objective: Objective,
    optimizer: O,
    batch: usize,
    seed: u64,
    threads: usize,
    shown: bool,
    draw: Draw,
    schedule: Option<Schedule>,
    clip: Option<Clip>,
    steps: usize,
    epochs: usize,
}

impl<L> Elbo<L> {
    /// For a training set of `examples` examples, with Adam at a rate of 1e-3 (in `f32`), batches of
    /// 128, seed 0, all cores, and progress shown.
    ///
    /// An optimiser has the number type of its model: for a model in `f64` say
    /// [`.optimizer(Adam::new(1e-3))`](Elbo::optimizer), or the compiler expects the model in `f32`.
    ///
    /// # Panics
    /// If there are no examples.
    #[track_caller]
    pub fn new(likelihood: L, examples: usize) -> Self {
        Elbo {
            likelihood,
            objective: Objective::new(examples),
            optimizer: Adam::new(1e-3),
            batch: 128,
            seed: 0,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            shown: true,
            draw: Draw::new(),
            schedule: None,
            clip: None,
            steps: 0,
            epochs: 0,
        }
    }
}

impl<L, O> Elbo<L, O> {
    /// With another optimiser.
    pub fn optimizer<P>(self, optimizer: P) -> Elbo<L, P> {
        let Elbo {
            likelihood,
            objective,
            optimizer: _,
            batch,
            seed,
            threads,
            shown,
            draw,
            schedule,
            clip,
            steps,
            epochs,
        } = self;
        Elbo { likelihood, objective, optimizer, batch, seed, threads, shown, draw, schedule, clip, steps, epochs }
    }

    /// With `examples` examples a batch. The last batch of an epoch holds what is left.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn batch(self, examples: usize) -> Self {
        assert!(examples > 0, "Elbo: a batch must have at least one example, got 0");
        Elbo { batch: examples, ..self }
    }

    /// With the divergence shared out among an epoch's steps in this way.
    pub fn kl_weight(self, kl_weight: KlWeight) -> Self {
        Elbo { objective: self.objective.kl_weight(kl_weight), ..self }
    }

    /// With the bound's terms tempered. Reports give the bound as it is without.
    ///
    /// # Panics
    /// If its number is not positive and finite.
    #[track_caller]
    pub fn tempering(self, tempering: Tempering) -> Self {
        Elbo { objective: self.objective.tempering(tempering), ..self }
    }

    /// With so many nats of each weight's divergence free: [`Objective::free_nats`]. Reports give the divergence as it is.
    ///
    /// # Panics
    /// If the number is negative or not finite.
    #[track_caller]
    pub fn free_nats(self, nats: f64) -> Self {
        Elbo { objective: self.objective.free_nats(nats), ..self }
    }

    /// With the divergence growing to its full weight. Reports give the bound with the full divergence.
    pub fn warm_up(self, warm_up: WarmUp) -> Self {
        Elbo { objective: self.objective.warm_up(warm_up), ..self }
    }

    /// With this seed of the noise and of the order of the examples.
    pub fn seed(self, seed: u64) -> Self {
        Elbo { seed, ..self }
    }

    /// On at most this many threads, as [`with_threads`](crate::with_threads) gives them. The result is the same bit for bit.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn threads(self, threads: usize) -> Self {
        assert!(threads > 0, "Elbo: at least one thread is needed, got 0");
        Elbo { threads, ..self }
    }

    /// With this estimator for every weight.
    pub fn estimator(self, estimator: Estimator) -> Self {
        self.estimators(Estimators::all(estimator))
    }

    /// With these estimators, by the weights' names.
    pub fn estimators(self, estimators: Estimators) -> Self {
        Elbo { draw: Draw { estimators, ..self.draw }, ..self }
    }

    /// With so many draws of the weights a step, whose mean is the loss; see
    /// [`Drawing::draws`](crate::Drawing::draws).
    ///
    /// # Panics
    /// If it is 0, or 2³² or more.
    #[track_caller]
    pub fn draws(self, draws: usize) -> Self {
        check_draws("Elbo", draws);
        Elbo { draw: Draw { draws, antithetic: false, ..self.draw }, ..self }
    }

    /// With so many antithetic pairs of draws a step; see
    /// [`Drawing::antithetic_pairs`](crate::Drawing::antithetic_pairs).
    ///
    /// # Panics
    /// If it is 0, or 2³¹ or more.
    #[track_caller]
    pub fn antithetic_pairs(self, pairs: usize) -> Self {
        check_pairs("Elbo", pairs);
        Elbo { draw: Draw { draws: 2 * pairs, antithetic: true, ..self.draw }, ..self }
    }

    /// With gradients of estimated divergences through the weights drawn alone; see
    /// [`Drawing::path_derivative`](crate::Drawing::path_derivative).
    pub fn path_derivative(self) -> Self {
        Elbo { draw: Draw { path_derivative: true, ..self.draw }, ..self }
    }

    /// With a learning rate that changes with the steps.
    pub fn schedule(self, schedule: Schedule) -> Self {
        Elbo { schedule: Some(schedule), ..self }
    }

    /// With gradients cut before the optimiser sees them.
    ///
    /// # Panics
    /// If the limit is not positive.
    #[track_caller]
    pub fn clip(self, clip: Clip) -> Self {
        clip.check();
        Elbo { clip: Some(clip), ..self }
    }

    /// Without progress.
    pub fn quiet(self) -> Self {
        Elbo { shown: false, ..self }
    }

    pub(super) fn examples(&self) -> usize {
        self.objective.examples()
    }

    pub(super) fn likelihood(&self) -> &L {
        &self.likelihood
    }

    pub(super) fn batch_size(&self) -> usize {
        self.batch
    }

    /// Panics if estimators name what `model` has not.
    #[track_caller]
    pub(super) fn check_names<M: Bayesian>(&self, model: &M) {
        self.draw.estimators.check_names(model);
    }

    /// Whether the options are numbers in a model's number type too.
    ///
    /// # Errors
    /// [`TrainError::Options`] if one is not.
    pub(super) fn check_options<T: Real>(&self) -> Result<(), TrainError> {
        self.objective
            .check_in::<T>()
            .and_then(|()| self.clip.map_or(Ok(()), Clip::check_in::<T>))
            .map_err(TrainError::Options)
    }

    /// The threads to train on.
    pub(super) fn pool(&self) -> usize {
        self.threads
    }

    /// Trains `model` on `data` for some epochs, each in a new order. A progress bar with both terms of
    /// the bound stands on the terminal meanwhile; lines go to the standard error if that is none.
    ///
    /// # Errors
    /// [`TrainError`]; the model then holds the parameters of the last good step, or those that it came with.
    ///
    /// # Panics
    /// If estimators name what the model has not.
    #[track_caller]
    pub fn fit<M>(
        &mut self,
        model: &mut M,
        data: &Examples<M::Scalar, L::Targets>,
        epochs: Epochs,
    ) -> Result<Report, TrainError>
    where
        M: Layer + Bayesian + Send + Sync,
        L: Likelihood<M::Scalar> + Send,
        L::Targets: Send + Sync,
        O: Optimizer<M::Scalar> + Send,
    {
        self.training(model, data).run(epochs)
    }

    /// [`fit`](Elbo::fit) for a model whose `forward` has another name, or takes more than its inputs: `forward` says how a
    /// batch's outputs come from a draw of the model and the inputs.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let train = Examples::new(Tensor::from_fn([16, 2], |i| (i as f64).sin()), vec![0; 16])?;
    /// # let (mut model, mut elbo) = (Dense::new(2, 2), Elbo::new(Categorical, 16).quiet());
    /// elbo.fit_with(&mut model, &train, Epochs(5), |net, x| net.forward(x * 0.5))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Elbo::fit).
    ///
    /// # Panics
    /// As [`fit`](Elbo::fit).
    #[track_caller]
    pub fn fit_with<M>(
        &mut self,
        model: &mut M,
        data: &Examples<M::Scalar, L::Targets>,
        epochs: Epochs,
        forward: impl for<'t> Fn(M::Draw<'t>, Var<'t, M::Scalar>) -> Var<'t, M::Scalar> + Send + Sync,
    ) -> Result<Report, TrainError>
    where
        M: Bayesian + Send + Sync,
        L: Likelihood<M::Scalar> + Send,
        L::Targets: Send + Sync,
        O: Optimizer<M::Scalar> + Send,
    {
        self.training(model, data).run_with(epochs, forward)
    }

    /// A training with more to it than [`fit`](Elbo::fit): validation, early stopping, a look after each epoch.
    pub fn training<'a, M>(
        &'a mut self,
        model: &'a mut M,
        data: &'a Examples<M::Scalar, L::Targets>,
    ) -> Training<'a, M, L, O>
    where
        M: Bayesian + Send + Sync,
        L: Likelihood<M::Scalar> + Send,
        L::Targets: Send + Sync,
        O: Optimizer<M::Scalar> + Send,
    {
        Training::new(self, model, data)
    }

    pub(super) fn run<M, F>(
        &mut self,
        model: &mut M,
        data: &Examples<M::Scalar, L::Targets>,
        epochs: usize,
        forward: &F,
        asked: Asked<'_, M, L::Targets>,
    ) -> Result<Report, TrainError>
    where
        M: Bayesian + Sync,
        L: Likelihood<M::Scalar>,
        L::Targets: Sync,
        O: Optimizer<M::Scalar>,
        F: Outputs<M> + Sync,
    {
        let Asked { validation, stop_early, mut each_epoch, shared } = asked;
        let batches = data.len().div_ceil(self.batch);
        let end = self.schedule.as_ref().and_then(Schedule::end);
        let needed = self.steps.next_multiple_of(batches).saturating_add(epochs.saturating_mul(batches));
        if let Some(end) = end.filter(|&end| end < needed) {
            return Err(TrainError::Schedule { end, needed });
        }
        let objective = self.objective.clone().batches(batches);
        let recipe = Recipe { likelihood: &self.likelihood, forward, objective: &objective, draw: &self.draw };
        let batches_of = |examples, len| Batches { examples, len, size: self.batch, shared };
        let key = Key::new(self.seed).step(self.steps);
        batches_of("training set", data.len()).check(|rows| recipe.check(model, data, rows, key))?;
        if let Some(Validation { data, .. }) = validation {
            let forward = |rows| check_targets(model, &self.likelihood, forward, data, rows);
            batches_of("examples to validate on", data.len()).check(forward)?;
        }
        let mut step = Step::new(model, data, recipe);
        let mut progress = Progress::new(self.shown, epochs, batches);
        let mut best = stop_early.map(Best::new);
        let mut order: Vec<usize> = (0..data.len()).collect();
        let mut report = Report::default();
        for number in 1..=epochs {
            let start = Instant::now();
            // An epoch begins at a multiple of its steps, also after one of other batches, or one that failed: the
            // weight of the divergence may go by the place in the epoch.
            self.steps = self.steps.next_multiple_of(batches);
            // From the same order each time, so that an epoch's order depends on its number alone.
            order.sort_unstable();
            shuffle(&mut order, Key::new(self.seed).at("order").step(self.epochs));
            let (mut nll, mut last) = (0.0, None);
            let mut rate_factor = 1.0;
            for rows in order.chunks(self.batch) {
                if let Some(schedule) = &self.schedule {
                    rate_factor = schedule.factor(self.steps);
                    self.optimizer.scale_rate(rate_factor);
                }
                let key = Key::new(self.seed).step(self.steps);
                let terms = step.take(model, data, rows, key, self.clip, &mut self.optimizer);
                let terms = terms.map_err(|fault| fault.at(self.steps, self.epochs + 1))?;
                nll += terms.nll * rows.len() as f64 / data.len() as f64;
                self.steps += 1;
                progress.step(number, &terms);
                last = Some(terms);
            }
            self.epochs += 1;
            let (kl, kl_weight) = last.map_or((f64::NAN, f64::NAN), |terms| (terms.kl, terms.kl_weight));
            let seconds = start.elapsed().as_secs_f64();
            if number == epochs || best.is_some() || each_epoch.is_some() {
                // Training may end here, and what the last step led to has been seen by none: it must have a loss, too.
                let key = Key::new(self.seed).step(self.steps);
                step.look_back(model, key).map_err(|fault| fault.at(self.steps - 1, self.epochs))?;
            }
            let validation_nll = validation.as_ref().map(|&Validation { data, draws }| {
                let nll = nll_of_draws(model, &self.likelihood, forward, data, draws, self.batch);
                nll.iter().sum::<f64>() / nll.len() as f64
            });
            let elbo = -(data.len() as f64 * nll + kl);
            let epoch = Epoch { nll, kl, kl_weight, elbo, validation_nll, rate_factor, seconds };
            progress.epoch(number, epochs, &epoch);
            report.epochs.push(epoch);
            let is_over = best.as_mut().is_some_and(|best| best.is_over(number, &epoch, model));
            let is_ended = each_epoch.as_mut().is_some_and(|look| look(&epoch, model).is_break());
            if is_over || is_ended {
                break;
            }
        }
        if let Some(best) = best.filter(|best| best.epoch() > 0) {
            report.best = Some(best.epoch());
            progress.best(report.epochs.len(), best.epoch());
            best.restore(model);
        }
        Ok(report)
    }
}

impl NonFinite {
    fn at(self, step: usize, epoch: usize) -> TrainError {
        TrainError::NonFinite { step, epoch, what: self.what, place: self.place }
    }
}
