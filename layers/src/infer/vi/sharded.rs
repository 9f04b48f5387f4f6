//! A training step whose gradient is the sum over shards of the batch, computed one after the other or by several processes.

use std::ops::Range;

use crate::data::{Examples, Targets};
use crate::distributed::{Exchange, SumTree, part};
use crate::engine::{Key, Real};
use crate::infer::caught_panic::{CaughtPanic, catch_step};
use crate::infer::vi::shard_sum::Sum;
use crate::infer::vi::step::{Step, StepError, StepTerms};
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::forward_by::Outputs;
use crate::objective::Part;
use crate::sampling::StepRows;

/// How the batches of a training are split, and the memory for it.
pub(super) struct Shards<'s, T: Real> {
    count: usize,
    exchange: &'s dyn Exchange,
    sums: Vec<Sum<T>>,
    /// The rows of the last batch.
    pub(super) last: Vec<usize>,
    /// What this rank wants to do after the next step; after it, what any rank wanted.
    pub(super) wishes: u64,
}

impl<'s, T: Real> Shards<'s, T> {
    pub(super) fn new(count: usize, exchange: &'s dyn Exchange) -> Self {
        Shards { count, exchange, sums: Vec::new(), last: Vec::new(), wishes: 0 }
    }
}

impl<'s, T: Real, Y: Targets, L: Likelihood<T, Targets = Y>, F> Step<'s, T, Y, L, F> {
    /// The gradient and the terms of a step, as the sum over its shards.
    pub(super) fn sum_shards<M>(
        &mut self,
        shards: &mut Shards<'s, T>,
        model: &mut M,
        data: &Examples<T, Y>,
        rows: &[usize],
        key: (Key, f64),
    ) -> Result<StepTerms, StepError>
    where
        M: Bayesian<Scalar = T>,
        F: Outputs<M>,
    {
        shards.last.clear();
        shards.last.extend_from_slice(rows.chunks(self.batch_size).next_back().unwrap_or_default());
        let Shards { count, exchange, wishes, .. } = *shards;
        let mut leaf = |shard: usize, sum: &mut Sum<T>| {
            (sum.nll, sum.kl, sum.kl_weight, sum.wishes) = (0.0, 0.0, 0.0, wishes);
            let found = self.shard(model, data, rows, key, [shard, count], sum);
            sum.failure = found.err().map(|error| error.to_text());
            if let (Some(text), true) = (&mut sum.failure, exchange.size() > 1) {
                text.push_str(&format!(" (on rank {} of {})", exchange.rank(), exchange.size()));
            }
        };
        let sum = SumTree::new(count, exchange).sum(&mut shards.sums, &mut leaf);
        shards.wishes = sum.wishes;
        if let Some(text) = sum.failure.take() {
            return Err(match StepError::of_text(&text) {
                StepError::NonFinite { place, is_undone: true, .. } => self.undo_last_step(model, Some(place)),
                error => error,
            });
        }
        self.gradients.unflatten(&sum.values);
        Ok(StepTerms { nll: sum.nll, kl: sum.kl, kl_weight: sum.kl_weight })
    }

    /// The row, in the training set, of the first of these examples of a batch whose NLL alone is not finite. With that of
    /// all of them, it may be none: the divergence is not finite, or a sum overflows.
    fn first_non_finite_example<M>(
        &mut self,
        model: &M,
        data: &Examples<T, Y>,
        batch: &[usize],
        mut examples: Range<usize>,
        (key, index): (Key, usize),
    ) -> Option<usize>
    where
        M: Bayesian<Scalar = T>,
        F: Outputs<M>,
    {
        let first = examples.find(|&example| {
            self.batch.gather(data, &batch[example..=example]);
            let rows = StepRows { batch: index, shard: Some([example, 1]) };
            let nll = || self.recipe.nll(&self.batch, model, key, rows).1.nats();
            !catch_step(self.recipe.shared, nll).is_ok_and(f64::is_finite)
        });
        first.map(|example| batch[example])
    }

    /// The gradient and the terms of one shard, of `count`.
    fn shard<M>(
        &mut self,
        model: &M,
        data: &Examples<T, Y>,
        rows: &[usize],
        (key, factor): (Key, f64),
        [shard, count]: [usize; 2],
        sum: &mut Sum<T>,
    ) -> Result<(), StepError>
    where
        M: Bayesian<Scalar = T>,
        F: Outputs<M>,
    {
        self.gradients.clear();
        sum.values.clear();
        let mut is_empty = true;
        for (index, batch) in rows.chunks(self.batch_size).enumerate() {
            let range = part(shard, count, batch.len());
            if range.is_empty() {
                continue;
            }
            is_empty = false;
            let examples = || format!("examples {} to {} (from 0) of the batch", range.start, range.end - 1);
            self.batch.gather(data, &batch[range.clone()]);
            let place = StepRows { batch: index, shard: Some([range.start, range.len()]) };
            let loss = || {
                let (net, nll) = self.recipe.nll(&self.batch, model, key, place);
                let part = Part { has_prior: place.are_first(), examples: rows.len(), factor };
                self.recipe.objective.loss_of_batch(nll, &net, key.current_step() as usize, part)
            };
            let loss = catch_step(self.recipe.shared, loss).map_err(|CaughtPanic { message, place }| {
                let message = format!("{message} ({})", examples());
                StepError::Panicked { index, rows: range.len(), panic: CaughtPanic { message, place } }
            })?;
            if !loss.value().is_finite() {
                let place = loss.first_non_finite(&self.gradients);
                let place = place.map_or_else(|| "the sum of its terms".to_owned(), |place| place.to_string());
                let mut place = format!("{place}, in {}", examples());
                if let Some(row) = self.first_non_finite_example(model, data, batch, range.clone(), (key, index)) {
                    place.push_str(&format!(
                        "; the first whose own loss is not finite is example {row} (from 0) of the training set"
                    ));
                }
                return Err(StepError::NonFinite { what: "the loss", place, is_undone: true });
            }
            sum.nll += loss.nll().nats() * range.len() as f64 / rows.len() as f64;
            if place.are_first() {
                (sum.kl, sum.kl_weight) = (loss.kl().nats(), loss.kl_weight());
            }
            loss.backward(&mut self.gradients);
        }
        if is_empty {
            return Ok(());
        }
        self.frozen.iter().for_each(|&index| self.gradients.discard(index));
        if let Some(name) = self.gradients.first_non_finite() {
            let mut place = format!("the gradient of `{name}`, in shard {shard} (from 0) of {count}");
            if rows.len() <= self.batch_size {
                let range = part(shard, count, rows.len());
                place.push_str(&format!(": examples {} to {} (from 0) of the batch", range.start, range.end - 1));
            }
            return Err(StepError::NonFinite { what: "a gradient", place, is_undone: false });
        }
        self.gradients.flatten(&mut sum.values);
        sum.learned = self.gradients.num_learned();
        Ok(())
    }
}
