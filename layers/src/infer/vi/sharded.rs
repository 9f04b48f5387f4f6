//! A training step whose gradient is the sum over shards of the batch, computed one after the other or by several processes.

use std::any::Any;

use crate::data::{Examples, Targets};
use crate::distributed::{Exchange, SumTree, Summand, part};
use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::map::{Elementwise, map};
use crate::engine::{Key, Real};
use crate::infer::caught_panic::{CaughtPanic, catch_step};
use crate::infer::vi::step::{Step, StepError, StepTerms};
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::forward_by::Outputs;
use crate::objective::Part;
use crate::sampling::StepRows;

/// The number of bytes of [`Head`].
const HEAD: usize = 48;

/// How the batches of a training are split, and the memory for it.
pub(super) struct Shards<'s, T: Real> {
    count: usize,
    exchange: &'s dyn Exchange,
    sums: Vec<Sum<T>>,
    /// The rows of the last batch.
    pub(super) last: Vec<usize>,
}

impl<'s, T: Real> Shards<'s, T> {
    pub(super) fn new(count: usize, exchange: &'s dyn Exchange) -> Self {
        Shards { count, exchange, sums: Vec::new(), last: Vec::new() }
    }
}

/// The sum over some shards: gradients, terms of the loss, and the first failure.
#[derive(Default)]
struct Sum<T> {
    /// As `Gradients::flatten` writes them; empty if the shards have no examples.
    values: Vec<T>,
    /// The number of values that are sums: the rest are new values of buffers, of which those of the first shard count.
    learned: usize,
    nll: f64,
    kl: f64,
    kl_weight: f64,
    failure: Option<String>,
    /// The fixed part of a message.
    head: Vec<u8>,
}

impl<T: Real> Summand for Sum<T> {
    fn add(&mut self, right: &Self) {
        if self.failure.is_some() {
            return;
        }
        self.failure.clone_from(&right.failure);
        if self.failure.is_some() || right.values.is_empty() {
            return;
        }
        self.nll += right.nll;
        if self.values.is_empty() {
            self.values.clone_from(&right.values);
            self.learned = right.learned;
        } else {
            let learned = self.learned;
            map(Same, [&right.values[..learned]], &mut self.values[..learned], Write::Add);
        }
    }

    fn send(&mut self, exchange: &dyn Exchange, to: usize) {
        self.write_head();
        exchange.send(to, &self.head);
        match &self.failure {
            Some(failure) => exchange.send(to, &failure.as_bytes().to_vec()),
            None if self.values.is_empty() => {}
            None => exchange.send(to, &self.values),
        }
    }

    fn receive(&mut self, exchange: &dyn Exchange, from: usize) {
        self.transfer(&mut |elements| exchange.receive(from, elements));
    }

    fn broadcast(&mut self, exchange: &dyn Exchange) {
        if exchange.size() > 1 {
            self.write_head();
            self.transfer(&mut |elements| exchange.broadcast(elements));
        }
    }
}

impl<T: Real> Sum<T> {
    fn write_head(&mut self) {
        let failure = self.failure.as_ref().map_or(0, String::len);
        let numbers = [self.nll, self.kl, self.kl_weight].map(f64::to_bits);
        let counts = [self.values.len(), self.learned, failure].map(|count| count as u64);
        let words = numbers.into_iter().chain(counts);
        self.head.clear();
        words.for_each(|word| self.head.extend(word.to_le_bytes()));
    }

    /// Replaces it by what `replace` brings in place of the elements of messages.
    fn transfer(&mut self, replace: &mut dyn FnMut(&mut dyn Any)) {
        self.head.resize(HEAD, 0);
        replace(&mut self.head);
        let words = self.head.as_chunks().0;
        let word = |index: usize| u64::from_le_bytes(words[index]);
        [self.nll, self.kl, self.kl_weight] = [0, 1, 2].map(|index| f64::from_bits(word(index)));
        self.learned = word(4) as usize;
        match word(5) {
            0 => {
                self.failure = None;
                self.values.resize(word(3) as usize, T::ZERO);
                if !self.values.is_empty() {
                    replace(&mut self.values);
                }
            }
            len => {
                let mut text = self.failure.take().unwrap_or_default().into_bytes();
                text.resize(len as usize, 0);
                replace(&mut text);
                self.failure = Some(String::from_utf8_lossy(&text).into_owned());
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Same;

impl<T: Real> Elementwise<T, 1> for Same {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        x
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
        let (count, exchange) = (shards.count, shards.exchange);
        let mut leaf = |shard: usize, sum: &mut Sum<T>| {
            (sum.nll, sum.kl, sum.kl_weight) = (0.0, 0.0, 0.0);
            let found = self.shard(model, data, rows, key, [shard, count], sum);
            sum.failure = found.err().map(|error| error.to_text());
            if let (Some(text), true) = (&mut sum.failure, exchange.size() > 1) {
                text.push_str(&format!(" (on rank {} of {})", exchange.rank(), exchange.size()));
            }
        };
        let sum = SumTree::new(count, exchange).sum(&mut shards.sums, &mut leaf);
        if let Some(text) = sum.failure.take() {
            return Err(match StepError::of_text(&text) {
                StepError::NonFinite { place, is_undone: true, .. } => self.undo_last_step(model, Some(place)),
                error => error,
            });
        }
        self.gradients.unflatten(&sum.values);
        Ok(StepTerms { nll: sum.nll, kl: sum.kl, kl_weight: sum.kl_weight })
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
            let examples =
                format_args!("examples {} to {} (from 0) of the batch", range.start, range.end - 1).to_string();
            self.batch.gather(data, &batch[range.clone()]);
            let place = StepRows { batch: index, shard: Some([range.start, range.len()]) };
            let loss = || {
                let (net, nll) = self.recipe.nll(&self.batch, model, key, place);
                let part = Part { has_prior: place.are_first(), examples: rows.len(), factor };
                self.recipe.objective.loss_of_batch(nll, &net, key.current_step() as usize, part)
            };
            let loss = catch_step(self.recipe.shared, loss).map_err(|CaughtPanic { message, place }| {
                let message = format!("{message} ({examples})");
                StepError::Panicked { index, rows: range.len(), panic: CaughtPanic { message, place } }
            })?;
            if !loss.value().is_finite() {
                let place = loss.first_non_finite(&self.gradients);
                let place = place.map_or_else(|| "the sum of its terms".to_owned(), |place| place.to_string());
                let place = format!("{place}, in {examples}");
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
            let range = part(shard, count, rows.len().min(self.batch_size));
            let [first, last] = [range.start, range.end - 1];
            let place = format!("the gradient of `{name}`, in examples {first} to {last} (from 0) of the batch");
            return Err(StepError::NonFinite { what: "a gradient", place, is_undone: false });
        }
        self.gradients.flatten(&mut sum.values);
        sum.learned = self.gradients.num_learned();
        Ok(())
    }
}

impl StepError {
    /// As text that [`of_text`](StepError::of_text) reads, to be sent to other ranks.
    fn to_text(&self) -> String {
        match self {
            StepError::NonFinite { what, place, is_undone } => {
                format!("{}{SEPARATOR}{}{SEPARATOR}{place}", usize::from(*what == "the loss"), usize::from(*is_undone))
            }
            StepError::Panicked { index, rows, panic } => {
                let place = panic.place.as_deref().unwrap_or_default();
                format!("2{SEPARATOR}{index}{SEPARATOR}{rows}{SEPARATOR}{place}{SEPARATOR}{}", panic.message)
            }
        }
    }

    fn of_text(text: &str) -> StepError {
        let mut fields = text.splitn(5, SEPARATOR);
        let mut number = || fields.next().and_then(|field| field.parse::<usize>().ok()).unwrap_or_default();
        let [kind, second] = [number(), number()];
        if kind < 2 {
            let what = if kind == 1 { "the loss" } else { "a gradient" };
            let place = fields.next().unwrap_or_default().to_owned();
            return StepError::NonFinite { what, place, is_undone: second == 1 };
        }
        let rows = number();
        let place = fields.next().filter(|place| !place.is_empty()).map(str::to_owned);
        let message = fields.next().unwrap_or_default().to_owned();
        StepError::Panicked { index: second, rows, panic: CaughtPanic { message, place } }
    }
}

const SEPARATOR: char = '\u{1f}';
