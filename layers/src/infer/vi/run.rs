//! The training loop.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use crate::clock::Clock;
use crate::data::{Examples, resample, shuffle};
use crate::engine::{Key, Real};
use crate::infer::caught_panic::{Batches, CaughtPanic};
use crate::infer::vi::agreement::Agreement;
use crate::infer::vi::checkpoint::{Settings, Store, Whereabouts};
use crate::infer::vi::evaluate::{check_targets, nll_of_draws, nll_of_weights};
use crate::infer::vi::guess::guessing;
use crate::infer::vi::plan::{Action, Plan, Yardstick};
use crate::infer::vi::progress::Progress;
use crate::infer::vi::sharded::Shards;
use crate::infer::vi::state::{CurrentEpoch, State};
use crate::infer::vi::step::{LossRecipe, Step, StepError, Trial};
use crate::infer::vi::training::{TrainingOptions, Validation};
use crate::infer::vi::{Budget, Elbo, Epoch, Report, TrainError};
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::forward_by::Outputs;
use crate::objective::Objective;
use crate::optim::Optimizer;
use crate::posterior::{redraw_unchanged, spread_unchanged, undo_redraw, undo_spread};
use crate::properties::Property;
use crate::spans::span;

impl<L, O> Elbo<L, O> {
    /// Trains for a budget, with batches of this size.
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
        span!(INFO, "fit", examples = data.len(), batch_size = batch_size);
        let TrainingOptions { validation, early_stopping, mut on_epoch_end, shared, shards, exchange } = options;
        let agreement = Agreement(exchange);
        let size = self.step_size(batch_size);
        let batches = data.len().div_ceil(size);
        let automatic = self.optimizer.is_automatic();
        let first = self.steps.next_multiple_of(batches);
        let warm_up = self.options.loss.warm_up_end().saturating_sub(first);
        let plan = Plan::new(budget, self.options.schedule.as_ref(), automatic, [first, batches], warm_up);
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
        let mut state = State::new(plan, early_stopping);
        let settings = Settings { budget, batch_size, shards, options: &options, draw: &draw, early_stopping };
        let begun = [self.steps, self.epochs];
        let of_data = (&self.likelihood, data);
        settings.same_on_all_ranks(agreement, (model, &self.optimizer), of_data, validation.as_ref(), begun)?;
        agreement.parameters_of_first(model)?;
        let mut store = Store::open(&settings, &self.likelihood, data, validation.as_ref(), agreement)?;
        let saved = store.as_mut().map_or(Ok(None), |store| store.latest(model, &self.optimizer, begun))?;
        // From here on, only the values of a batch can make a step fail.
        let is_frozen = |name: &str| self.optimizer.is_frozen(name);
        let begins = !state.is_over() && saved.is_none();
        let start = Start {
            step: first,
            redrawn: if begins { redraw_unchanged(model, seed, is_frozen) } else { Vec::new() },
            spread: if begins && automatic && !at_point { spread_unchanged(model, is_frozen) } else { Vec::new() },
        };
        let failed = |model: &mut M, error: StepError, [step, epoch, batch]: [usize; 3], steps: usize| {
            start.restore(model, &error, steps);
            error.into_train_error(step, epoch, |index, rows, panic| {
                training.forward_error(batch * options.accumulated + index + 1, rows, panic)
            })
        };
        let shards = shards.map(|count| Shards::new(count, exchange));
        let mut step = Step::new(model, data, recipe(&draw), &options, (batch_size, shards), &self.optimizer);
        let mut progress = Progress::new(options.shown && agreement.is_first(), at_point, state.plan.steps(), batches);
        let mut order: Vec<usize> = (0..data.len()).collect();
        // Shuffle from the sorted order, so that an epoch's order depends on its number alone.
        let shuffle_for = |order: &mut Vec<usize>, epoch: usize| {
            order.sort_unstable();
            let mix = if options.resamples { resample } else { shuffle };
            mix(order, seed.at("order").step(epoch));
        };
        if let Some(saved) = saved {
            let at = Whereabouts { first, begun, batches };
            let probe = |model: &mut M, [steps, epochs]: [usize; 2], of_epoch: usize| {
                shuffle_for(&mut order, if of_epoch > 0 { epochs } else { epochs - 1 });
                let last = if of_epoch > 0 { of_epoch } else { batches };
                step.gather_last(data, order.chunks(size).nth(last - 1).unwrap_or_default());
                step.check_last_step(model, data, seed.step(steps)).ok()
            };
            [self.steps, self.epochs] = saved.resume(model, &mut self.optimizer, &mut state, at, probe)?;
            progress.set_steps(state.plan.steps());
            progress.resumed(self.steps - first, &saved.to_string());
        }
        agreement.same_parameters(model)?;
        let is_stop_wanted = || options.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed));
        let mut is_stopped = false;
        'training: while !state.is_over() {
            let number = state.report.epochs.len() + 1;
            span!(INFO, "epoch", number = number);
            let (clock, before) = (Clock::start(), state.epoch.seconds);
            if state.epoch.steps == 0 {
                // Start each epoch at a multiple of its number of steps, even after a failed epoch or one with another
                // batch size: the divergence's weight may depend on the step within the epoch.
                self.steps = self.steps.next_multiple_of(batches);
            }
            shuffle_for(&mut order, self.epochs);
            for (batch, rows) in order.chunks(size).enumerate().skip(state.epoch.steps) {
                span!(DEBUG, "step", step = self.steps);
                if let Some(factor) = state.plan.factor(self.steps).map_err(TrainError::Options)? {
                    state.epoch.rate_factor = factor;
                    self.optimizer.scale_rate(factor);
                }
                let at = (seed.step(self.steps), state.plan.divergence_factor());
                let wanted = || [is_stop_wanted(), store.as_ref().is_some_and(Store::is_due_in_epoch)];
                if !agreement.is_alone() {
                    step.set_wishes(to_bits(wanted()));
                }
                let terms = step
                    .take(model, data, rows, at, (&mut self.optimizer, &mut state.norm))
                    .map_err(|error| failed(model, error, [self.steps, self.epochs + 1, batch], self.steps))?;
                self.steps += 1;
                state.after_step(&terms, rows.len(), data.len());
                progress.step(number, &terms);
                if batch + 1 == batches {
                    break;
                }
                let is_due;
                [is_stopped, is_due] = if agreement.is_alone() { wanted() } else { of_bits(step.wishes()) };
                if let Some(store) = store.as_mut().filter(|_| is_stopped || is_due) {
                    let probe = step.check_last_step(model, data, seed.step(self.steps));
                    let probe = probe
                        .map_err(|error| failed(model, error, [self.steps - 1, self.epochs + 1, batch], self.steps))?;
                    state.epoch.seconds = before + clock.seconds();
                    let at = Whereabouts { first, begun, batches };
                    store.save(model, &self.optimizer, &state, at, ([self.steps, self.epochs], probe))?;
                }
                if is_stopped {
                    break 'training;
                }
            }
            self.epochs += 1;
            match state.plan.after_epoch(self.steps, &state.trace, yardstick) {
                Action::None => {}
                Action::Keep => state.kept.take(model),
                Action::Restore => state.kept.restore(model),
            }
            progress.set_steps(state.plan.steps());
            let CurrentEpoch { nll, last, rate_factor, .. } = std::mem::replace(&mut state.epoch, CurrentEpoch::NEW);
            let (kl, kl_weight) = last.map_or((f64::NAN, f64::NAN), |terms| (terms.kl, terms.kl_weight));
            let seconds = before + clock.seconds();
            // By any rank, before the epoch's last step.
            let was_stop_wanted = of_bits(step.wishes())[0];
            let mut probe = |model: &mut M, steps: usize, epochs: usize| {
                // No later step may check the parameters of the last one: their loss must be finite, too.
                let found = step.check_last_step(model, data, seed.step(steps));
                found.map_err(|error| failed(model, error, [steps - 1, epochs, batches - 1], steps))
            };
            let mut probed = None;
            if state.plan.is_over() || state.best.is_some() || on_epoch_end.is_some() {
                probed = Some(probe(model, self.steps, self.epochs)?);
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
            progress.epoch(number, state.plan.steps().div_ceil(batches), state.plan.is_over(), &epoch);
            state.report.epochs.push(epoch);
            let is_exhausted = state.best.as_mut().is_some_and(|best| best.is_exhausted(number, &epoch, model));
            let is_broken = on_epoch_end.as_mut().is_some_and(|callback| callback(&epoch, model).is_break());
            let is_due = store.as_ref().is_some_and(|store| store.is_due_after_epoch(number));
            let [is_broken, is_stop_wanted, is_due] =
                agreement.decisions([is_broken, was_stop_wanted || is_stop_wanted(), is_due]);
            agreement.same_parameters(model)?;
            if let Some(store) = &mut store {
                // Before the plan may return to earlier parameters, which are not those of this epoch.
                store.keep_if_best(model, &epoch)?;
            }
            if is_exhausted || is_broken {
                state.is_ended = true;
                if state.plan.at_stop(self.steps, &state.trace) == Action::Restore {
                    state.kept.restore(model);
                    probed = None;
                }
            }
            is_stopped = !state.is_over() && is_stop_wanted;
            if let Some(store) = &mut store
                && (state.is_over() || is_stopped || is_due)
            {
                let probe = probed.map_or_else(|| probe(model, self.steps, self.epochs), Ok)?;
                let at = Whereabouts { first, begun, batches };
                store.save(model, &self.optimizer, &state, at, ([self.steps, self.epochs], probe))?;
            }
            if is_stopped {
                break;
            }
        }
        if is_stopped && state.plan.at_stop(self.steps, &state.trace) == Action::Restore {
            state.kept.restore(model);
        }
        let State { plan, trace, mut report, best, .. } = state;
        report.is_stopped = is_stopped;
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

/// Wishes as bits.
fn to_bits(wishes: [bool; 2]) -> u64 {
    u64::from(wishes[0]) | u64::from(wishes[1]) << 1
}

/// Bits as wishes.
fn of_bits(bits: u64) -> [bool; 2] {
    [0, 1].map(|index| bits >> index & 1 == 1)
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
