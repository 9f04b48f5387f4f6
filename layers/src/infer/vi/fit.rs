//! The training loop.

use std::cell::Cell;

use crate::clock::Clock;
use crate::data::{Examples, resample, shuffle};
use crate::engine::{Key, Real, Var};
use crate::infer::caught_panic::{Batches, CaughtPanic};
use crate::infer::vi::early_stopping::Best;
use crate::infer::vi::evaluate::{check_targets, nll_of_draws, nll_of_weights};
use crate::infer::vi::guess::guessing;
use crate::infer::vi::plan::{Action, Plan, Yardstick};
use crate::infer::vi::progress::Progress;
use crate::infer::vi::snapshot::Snapshot;
use crate::infer::vi::step::{LossRecipe, Step, StepError, Trial};
use crate::infer::vi::trace::Trace;
use crate::infer::vi::training::{TrainingOptions, Validation};
use crate::infer::vi::{Budget, Elbo, Epoch, Report, TrainError, Training};
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::Model;
use crate::model::forward_by::Outputs;
use crate::objective::Objective;
use crate::optim::Optimizer;
use crate::posterior::{redraw_unchanged, spread_unchanged, undo_redraw, undo_spread};
use crate::properties::Property;

impl<L, O> Elbo<L, O> {
    /// Trains `model` on `data` for a [`Budget`]: [`Epochs`](crate::Epochs), or [`UntilConverged`](crate::UntilConverged). Each
    /// epoch has a new order. Shows a progress bar with both terms of the bound if the standard error is a terminal, and prints
    /// lines there if it is not; the last line says whether the bound has converged, and what guessing would have got.
    ///
    /// Before the first step, every randomly initialised parameter that still has its constructor's value is drawn anew
    /// from the [`seed`](Elbo::seed), as `model.initialise(Key::new(seed))` does. Parameters that were trained, loaded,
    /// set, or initialised with your own key are kept. Equal models and equal seeds therefore give the same training,
    /// bit for bit.
    ///
    /// # Errors
    /// [`TrainError`], if possible before the first step. The model then holds the parameters of the last good step, or
    /// its initial ones. A panic of the model's forward is returned as an error with its location and message.
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
        self.training(model, data).run(budget)
    }

    /// [`fit`](Elbo::fit) with your own `forward`, for a model whose forward has another name or takes more than the
    /// inputs: it computes a batch's outputs from a draw of the model and the inputs.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let train = Examples::new(Tensor::from_fn([16, 2], |i| (i as f64).sin()), vec![0; 16])?;
    /// # let (mut model, mut elbo) = (Dense::new(2, 2), Elbo::new(Categorical).quiet());
    /// elbo.fit_with(&mut model, &train, Epochs(5), |net, x| net.forward(x * 0.5))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Elbo::fit).
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
        self.training(model, data).run_with(budget, forward)
    }

    /// Configures a training beyond [`fit`](Elbo::fit): validation, early stopping, callbacks.
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
        Training::new(self, model, data)
    }

    pub(super) fn run<M, F>(
        &mut self,
        model: &mut M,
        data: &Examples<M::Scalar, L::Targets>,
        (budget, batch_size): (Budget, usize),
        forward: &F,
        options: TrainingOptions<'_, M, L::Targets>,
    ) -> Result<Report, TrainError>
    where
        M: Bayesian + Sync,
        L: Likelihood<M::Scalar>,
        L::Targets: Sync,
        O: Optimizer,
        F: Outputs<M> + Sync,
    {
        let TrainingOptions { validation, early_stopping, mut on_epoch_end, shared } = options;
        let size = self.step_size(batch_size);
        let batches = data.len().div_ceil(size);
        let automatic = self.optimizer.is_automatic();
        let first = self.steps.next_multiple_of(batches);
        let warm_up = self.options.loss.warm_up_end().saturating_sub(first);
        let mut plan = Plan::new(budget, self.options.schedule.as_ref(), automatic, [first, batches], warm_up);
        let options = self.options.chosen(automatic, plan.steps(), self.steps == 0);
        let seed = Key::new(options.seed);
        let key = seed.step(self.steps);

        let objective = Objective::with_options(data.len(), batches, options.loss.clone());
        let batches_of = |examples, inputs| Batches { examples, inputs, size: batch_size, shared };
        let training = batches_of("training set", data.inputs().shape());
        let tried = Cell::new(None);
        let recipe = |draw| LossRecipe { likelihood: &self.likelihood, forward, objective: &objective, draw, shared };
        let trial = recipe(&options.draw);
        let at_point = options.draw.at_point;
        let chooses = automatic && !at_point && M::Batch::HOLDS && options.draw.estimators.is_none();
        training.check(|rows| trial.check(model, data, rows, key, chooses).map(|found| tried.set(Some(found))))?;
        let Trial { outputs, estimators } = tried.take().expect("there is at least one batch");
        if let Some(Validation { data, .. }) = validation {
            let forward = |rows| check_targets(model, &self.likelihood, forward, data, rows).map(drop);
            batches_of("validation set", data.inputs().shape()).check(forward)?;
        }
        let mut draw = options.draw.clone();
        draw.estimators = draw.estimators.or(estimators);
        self.last_batch_size = Some(batch_size);
        self.optimizer.begin(model, data.len()).map_err(TrainError::Options)?;
        let guessing = match outputs.get(1..) {
            Some(shape) if !plan.is_over() && !at_point => guessing(&self.likelihood, data, shape, shared),
            _ => None,
        };
        // Other losses cannot be compared with it.
        let beside = guessing.filter(|_| options.loss.is_bound(usize::MAX));
        let yardstick = Yardstick { parameters: model.num_parameters(), guessing: beside };
        // From here on, only the values of a batch can make a step fail.
        let is_frozen = |name: &str| self.optimizer.is_frozen(name);
        let begins = !plan.is_over();
        let start = Start {
            step: first,
            redrawn: if begins { redraw_unchanged(model, seed, is_frozen) } else { Vec::new() },
            spread: if begins && automatic && !at_point { spread_unchanged(model, is_frozen) } else { Vec::new() },
        };
        let mut step = Step::new(model, data, recipe(&draw), &options, batch_size, &self.optimizer);
        let mut progress = Progress::new(options.shown, at_point, plan.steps(), batches);
        let mut best = early_stopping.map(Best::new);
        let mut order: Vec<usize> = (0..data.len()).collect();
        let (mut report, mut trace, mut kept) = (Report::default(), Trace::default(), Snapshot::default());
        while !plan.is_over() {
            let number = report.epochs.len() + 1;
            let clock = Clock::start();
            // Start each epoch at a multiple of its number of steps, even after a failed epoch or one with another
            // batch size: the divergence's weight may depend on the step within the epoch.
            self.steps = self.steps.next_multiple_of(batches);
            // Shuffle from the sorted order, so that an epoch's order depends on its number alone.
            order.sort_unstable();
            let mix = if options.resamples { resample } else { shuffle };
            mix(&mut order, seed.at("order").step(self.epochs));
            let (mut nll, mut last) = (0.0, None);
            let mut rate_factor = 1.0;
            for (batch, rows) in order.chunks(size).enumerate() {
                if let Some(factor) = plan.factor(self.steps).map_err(TrainError::Options)? {
                    rate_factor = factor;
                    self.optimizer.scale_rate(factor);
                }
                let key = seed.step(self.steps);
                let at = (key, plan.divergence_factor());
                let terms = step.take(model, data, rows, at, &mut self.optimizer);
                let terms = terms.map_err(|error| {
                    start.restore(model, &error, self.steps);
                    error.into_train_error(self.steps, self.epochs + 1, |index, rows, panic| {
                        training.forward_error(batch * options.accumulated + index + 1, rows, panic)
                    })
                })?;
                nll += terms.nll * rows.len() as f64 / data.len() as f64;
                self.steps += 1;
                trace.push(-(data.len() as f64 * terms.nll + terms.kl));
                progress.step(number, &terms);
                last = Some(terms);
            }
            self.epochs += 1;
            match plan.after_epoch(self.steps, &trace, yardstick) {
                Action::None => {}
                Action::Keep => kept.take(model),
                Action::Restore => kept.restore(model),
            }
            progress.set_steps(plan.steps());
            let (kl, kl_weight) = last.map_or((f64::NAN, f64::NAN), |terms| (terms.kl, terms.kl_weight));
            let seconds = clock.seconds();
            if plan.is_over() || best.is_some() || on_epoch_end.is_some() {
                // Training may end here, and no later step checks the parameters of the last one: their loss must be
                // finite, too.
                let key = seed.step(self.steps);
                step.check_last_step(model, key).map_err(|error| {
                    start.restore(model, &error, self.steps);
                    error.into_train_error(self.steps - 1, self.epochs, |index, rows, panic| {
                        training.forward_error((batches - 1) * options.accumulated + index + 1, rows, panic)
                    })
                })?;
            }
            let validation_nll = validation.as_ref().map(|&Validation { data, draws }| {
                let nll = if at_point {
                    let weights = |_| model.mean_weights();
                    nll_of_weights(model, &self.likelihood, forward, data, (1, batch_size), weights)
                } else {
                    nll_of_draws(model, &self.likelihood, forward, data, draws, batch_size)
                };
                nll.iter().sum::<f64>() / nll.len() as f64
            });
            let elbo = -(data.len() as f64 * nll + kl);
            let epoch = Epoch { nll, kl, kl_weight, elbo, validation_nll, rate_factor, seconds };
            progress.epoch(number, plan.steps().div_ceil(batches), plan.is_over(), &epoch);
            report.epochs.push(epoch);
            let is_exhausted = best.as_mut().is_some_and(|best| best.is_exhausted(number, &epoch, model));
            let is_stopped = on_epoch_end.as_mut().is_some_and(|callback| callback(&epoch, model).is_break());
            if is_exhausted || is_stopped {
                if plan.at_stop(self.steps, &trace) == Action::Restore {
                    kept.restore(model);
                }
                break;
            }
        }
        if let Some(best) = best.filter(|best| best.epoch() > 0) {
            report.best = Some(best.epoch());
            progress.best(report.epochs.len(), best.epoch());
            best.restore(model);
        }
        if !report.epochs.is_empty() {
            report.is_settled = plan.is_settled();
            report.at_point = at_point;
            report.is_bound = options.loss.is_bound(self.steps) && report.last().kl != 0.0;
            report.rise = trace.rise();
            report.guessing = guessing;
            progress.conclusion(&report);
        }
        Ok(report)
    }
}

/// The state before the first step of a training.
struct Start<T> {
    /// The first step's number.
    step: usize,
    /// The indices of the parameters that were drawn anew.
    redrawn: Vec<usize>,
    /// The indices of the scales that were set, with their elements before.
    spread: Vec<(usize, T)>,
}

impl<T: Real> Start<T> {
    /// Restores the model's initial parameters if `error`, in step `step`, leaves no completed step behind.
    fn restore<M: Bayesian<Scalar = T>>(&self, model: &mut M, error: &StepError, step: usize) {
        let undone = matches!(error, StepError::NonFinite { is_undone: true, .. });
        if step - self.step <= usize::from(undone) {
            undo_spread(model, &self.spread);
            undo_redraw(model, &self.redrawn);
        }
    }
}

impl StepError {
    fn into_train_error(
        self,
        step: usize,
        epoch: usize,
        forward_error: impl FnOnce(usize, usize, CaughtPanic) -> TrainError,
    ) -> TrainError {
        match self {
            StepError::NonFinite { what, place, .. } => TrainError::NonFinite { step, epoch, what, place },
            StepError::Panicked { index, rows, panic } => forward_error(index, rows, panic),
        }
    }
}
