//! One training step: draw, forward, loss and backward for each of its batches; clipping, optimiser; undone if the loss is not
//! finite.

use crate::data::{Examples, Targets};
use crate::engine::{Gradients, Key, Path, Real, Role, Tape};
use crate::infer::batch::{Batch, Outcome, check_moments};
use crate::infer::caught_panic::{CaughtPanic, catch_step};
use crate::infer::vi::clip::RunningNorm;
use crate::infer::vi::evaluate::first_rows;
use crate::infer::vi::options::Options;
use crate::infer::vi::sharded::Shards;
use crate::infer::vi::{Clip, DrawOptions, TrainError, recipe};
use crate::likelihood::{Likelihood, MeanNll};
use crate::model::Bayesian;
use crate::model::forward_by::Outputs;
use crate::objective::{Objective, Part};
use crate::optim::{self, Optimizer};
use crate::sampling::{Estimators, StepRows};

/// The buffers of a step, which are reused: from the second step on, nothing is allocated.
pub(super) struct Step<'s, T: Real, Y, L, F> {
    pub(super) recipe: LossRecipe<'s, L, F>,
    pub(super) batch: Batch<T, Y>,
    pub(super) gradients: Gradients<T>,
    /// If a step has several batches or shards, the gradients of the previous step, from which it can be undone: when a later
    /// one has an infinite loss, `gradients` are those of the first.
    previous: Option<Gradients<T>>,
    /// The tensors that the optimiser freezes.
    pub(super) frozen: Vec<usize>,
    /// Examples in a batch.
    pub(super) batch_size: usize,
    /// The index in its step of the last batch.
    last: usize,
    /// How batches are split, if they are.
    shards: Option<Shards<'s, T>>,
    clip: Option<Clip>,
}

/// Everything that a loss depends on beside the model and the batch.
pub(super) struct LossRecipe<'s, L, F> {
    pub(super) likelihood: &'s L,
    pub(super) forward: &'s F,
    pub(super) objective: &'s Objective,
    pub(super) draw: &'s DrawOptions,
    /// Whether the threads are shared with tasks other than training.
    pub(super) shared: bool,
}

/// What a trial of the forward has found.
pub(super) struct Trial {
    /// The shape of the outputs.
    pub(super) outputs: Vec<usize>,
    /// The estimators to choose, if they are to be chosen.
    pub(super) estimators: Option<Estimators>,
}

/// The terms of a step's loss.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::infer) struct StepTerms {
    #[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))]
    pub(in crate::infer) nll: f64,
    #[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))]
    pub(in crate::infer) kl: f64,
    #[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))]
    pub(in crate::infer) kl_weight: f64,
}

/// Why a step failed.
pub(super) enum StepError {
    /// The loss or a gradient is not finite.
    NonFinite {
        what: &'static str,
        place: String,
        /// Whether the previous step was undone.
        is_undone: bool,
    },
    /// The draw, the forward or the likelihood panicked, for the batch of this index in the step, of this many rows.
    Panicked { index: usize, rows: usize, panic: CaughtPanic },
}

impl<'s, T: Real, Y: Targets, L: Likelihood<T, Targets = Y>, F> Step<'s, T, Y, L, F> {
    pub(super) fn new<M: Bayesian<Scalar = T>>(
        model: &M,
        data: &Examples<T, Y>,
        recipe: LossRecipe<'s, L, F>,
        options: &Options,
        (batch_size, shards): (usize, Option<Shards<'s, T>>),
        optimizer: &impl Optimizer,
    ) -> Self {
        let gradients = Gradients::of(model);
        Step {
            recipe,
            batch: Batch::new(Tape::new(), data),
            frozen: frozen(model, optimizer, &gradients, options.draw.at_point),
            previous: (options.accumulated > 1 || shards.is_some()).then(|| Gradients::of(model)),
            gradients,
            batch_size,
            last: 0,
            shards,
            clip: options.clip,
        }
    }

    /// Takes one step with this key, in which the divergence counts `factor` times, and adds to the running norm of clipping. On
    /// failure, the model has the last parameters whose loss was finite.
    pub(super) fn take<M, O>(
        &mut self,
        model: &mut M,
        data: &Examples<T, Y>,
        rows: &[usize],
        (key, factor): (Key, f64),
        (optimizer, norm): (&mut O, &mut RunningNorm),
    ) -> Result<StepTerms, StepError>
    where
        M: Bayesian<Scalar = T>,
        F: Outputs<M>,
        O: Optimizer,
    {
        let terms = match self.shards.take() {
            None => self.sum_batches(model, data, rows, (key, factor))?,
            Some(mut shards) => {
                self.last = rows.len().div_ceil(self.batch_size).saturating_sub(1);
                let terms = self.sum_shards(&mut shards, model, data, rows, (key, factor));
                self.shards = Some(shards);
                terms?
            }
        };
        self.frozen.iter().for_each(|&index| self.gradients.discard(index));
        if let Some(name) = self.gradients.first_non_finite() {
            let place = format!("the gradient of `{name}`");
            return Err(StepError::NonFinite { what: "a gradient", place, is_undone: false });
        }
        if let Some(clip) = self.clip {
            clip.apply(&mut self.gradients, norm);
        }
        optimizer.set_kl_weight(terms.kl_weight);
        optimizer.step(model, &mut self.gradients);
        if let Some(previous) = &mut self.previous {
            std::mem::swap(previous, &mut self.gradients);
        }
        Ok(terms)
    }

    /// Adds up the gradients of the batches of a step, and its terms.
    fn sum_batches<M>(
        &mut self,
        model: &mut M,
        data: &Examples<T, Y>,
        rows: &[usize],
        (key, factor): (Key, f64),
    ) -> Result<StepTerms, StepError>
    where
        M: Bayesian<Scalar = T>,
        F: Outputs<M>,
    {
        let mut terms = StepTerms { nll: 0.0, kl: 0.0, kl_weight: 0.0 };
        for (index, part) in rows.chunks(self.batch_size).enumerate() {
            self.batch.gather(data, part);
            self.last = index;
            let loss = || {
                let (net, nll) = self.recipe.nll(&self.batch, model, key, StepRows::of_batch(index));
                let objective = self.recipe.objective;
                objective.loss_of_batch(
                    nll,
                    &net,
                    key.current_step() as usize,
                    Part { has_prior: index == 0, examples: rows.len(), factor },
                )
            };
            let loss = catch_step(self.recipe.shared, loss).map_err(|panic| StepError::Panicked {
                index,
                rows: part.len(),
                panic,
            })?;
            if !loss.value().is_finite() {
                let place = loss.first_non_finite(&self.gradients).map(|place| place.to_string());
                return Err(self.undo_last_step(model, place));
            }
            terms.nll += loss.nll().nats() * part.len() as f64 / rows.len() as f64;
            if index == 0 {
                (terms.kl, terms.kl_weight) = (loss.kl().nats(), loss.kl_weight());
            }
            loss.backward(&mut self.gradients);
        }
        Ok(terms)
    }

    /// What this rank wants to do after the next step, a bit for each wish.
    pub(super) fn set_wishes(&mut self, wishes: u64) {
        if let Some(shards) = &mut self.shards {
            shards.wishes = wishes;
        }
    }

    /// What any rank wanted to do after the last step.
    pub(super) fn wishes(&self) -> u64 {
        self.shards.as_ref().map_or(0, |shards| shards.wishes)
    }

    /// Gathers the last batch of a step of these rows, as after [`take`](Step::take).
    pub(super) fn gather_last(&mut self, data: &Examples<T, Y>, rows: &[usize]) {
        if let Some((index, part)) = rows.chunks(self.batch_size).enumerate().next_back() {
            self.batch.gather(data, part);
            self.last = index;
            if let Some(shards) = &mut self.shards {
                shards.last.clear();
                shards.last.extend_from_slice(part);
            }
        }
    }

    /// After the last step: checks that both terms, NLL and divergence in nats, are finite at its parameters, on the same batch,
    /// and undoes the step if not. It does not use the objective, whose weights are those of steps that are taken.
    pub(super) fn check_last_step<M>(
        &mut self,
        model: &mut M,
        data: &Examples<T, Y>,
        key: Key,
    ) -> Result<[f64; 2], StepError>
    where
        M: Bayesian<Scalar = T>,
        F: Outputs<M>,
    {
        match &self.shards {
            // On all of the batch, so that it does not depend on the number of ranks.
            Some(shards) => self.batch.gather(data, &shards.last),
            None => self.batch.tape.reset(),
        }
        let terms = || {
            let (net, nll) = self.recipe.nll(&self.batch, model, key, StepRows::ALL);
            (nll, self.recipe.objective.divergence(&net))
        };
        let rows = self.batch.observed().targets().rows();
        let (nll, kl) = catch_step(self.recipe.shared, terms).map_err(|panic| StepError::Panicked {
            index: self.last,
            rows,
            panic,
        })?;
        let found = [nll.nats(), kl.nats()];
        if found.iter().all(|nats| nats.is_finite()) {
            return Ok(found);
        }
        let terms: Vec<_> = [Some(nll.var()), kl.var()].into_iter().flatten().collect();
        let place = self.batch.tape.first_non_finite_of(&terms, &self.gradients).map(|place| place.to_string());
        Err(self.undo_last_step(model, place))
    }

    /// Undoes the last step: its initial parameters had a finite loss, and its final ones do not.
    pub(super) fn undo_last_step<M: Bayesian<Scalar = T>>(
        &mut self,
        model: &mut M,
        place: Option<String>,
    ) -> StepError {
        let place = place.unwrap_or_else(|| "the sum of its terms".to_owned());
        // Before the first step this changes nothing.
        self.previous.as_mut().unwrap_or(&mut self.gradients).undo(model);
        StepError::NonFinite { what: "the loss", place, is_undone: true }
    }
}

/// The indices of the tensors that a step does not change: those that the optimiser freezes, and for a point estimate the scales,
/// on which the mean of some families depends.
fn frozen<M: Bayesian>(
    model: &M,
    optimizer: &impl Optimizer,
    gradients: &Gradients<M::Scalar>,
    at_point: bool,
) -> Vec<usize> {
    let mut frozen = optim::frozen(optimizer, gradients);
    let mut index = 0;
    model.visit(&Path::ROOT, &mut |_, role, _| {
        if at_point && role == Role::Scale && !frozen.contains(&index) {
            frozen.push(index);
        }
        index += 1;
    });
    frozen
}

impl<L, F> LossRecipe<'_, L, F> {
    /// Checks the targets against the likelihood, with the draw and forward of a training step on the first `rows`
    /// examples. With `chooses`, also finds the estimators to choose.
    pub(super) fn check<T, M>(
        &self,
        model: &M,
        data: &Examples<T, L::Targets>,
        rows: usize,
        key: Key,
        chooses: bool,
    ) -> Result<Trial, TrainError>
    where
        T: Real,
        M: Bayesian<Scalar = T>,
        L: Likelihood<T>,
        F: Outputs<M>,
    {
        let mut batch = Batch::new(Tape::new(), data);
        batch.gather(data, &first_rows(rows, data.len()));
        let draw = |tape| self.draw.draw(model, tape, key, StepRows::ALL);
        let (net, output) = batch.outputs::<M>(self.forward, draw);
        check_moments(self.likelihood, &net)?;
        data.observed().check(self.likelihood, output, batch.observed()).map_err(TrainError::Targets)?;
        batch.nll_of(self.likelihood, output);
        let estimators = chooses.then(|| recipe::estimators(&net, rows));
        Ok(Trial { outputs: output.shape().to_vec(), estimators })
    }

    /// Makes a step's draw for these of its examples, which are gathered, and computes their negative log-likelihood under it.
    pub(super) fn nll<'t, T, M>(
        &'t self,
        batch: &'t Batch<T, L::Targets>,
        model: &'t M,
        key: Key,
        rows: StepRows,
    ) -> Outcome<'t, M, MeanNll<'t, T>>
    where
        T: Real,
        M: Bayesian<Scalar = T>,
        L: Likelihood<T>,
        F: Outputs<M>,
    {
        batch.nll::<M>(self.likelihood, self.forward, |tape| self.draw.draw(model, tape, key, rows))
    }
}
