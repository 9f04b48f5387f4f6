//! What is summed over the shards of a step, and travels between processes: gradients, terms of the loss, a failure.

use std::any::Any;

use crate::distributed::{Exchange, Summand};
use crate::engine::Real;
use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::map::{Elementwise, map};
use crate::infer::caught_panic::CaughtPanic;
use crate::infer::vi::step::StepError;

/// The number of bytes of a message's fixed part: seven numbers.
const HEAD: usize = 56;

/// The sum over some shards: gradients, terms of the loss, and the first failure.
#[derive(Default)]
pub(super) struct Sum<T> {
    /// As `Gradients::flatten` writes them; empty if the shards have no examples.
    pub(super) values: Vec<T>,
    /// The number of values that are sums: the rest are new values of buffers, of which those of the first shard count.
    pub(super) learned: usize,
    pub(super) nll: f64,
    pub(super) kl: f64,
    pub(super) kl_weight: f64,
    pub(super) failure: Option<String>,
    /// What ranks want to do after the step, a bit for each: all do what one wants.
    pub(super) wishes: u64,
    /// The fixed part of a message.
    head: Vec<u8>,
}

impl<T: Real> Summand for Sum<T> {
    fn add(&mut self, right: &Self) {
        self.wishes |= right.wishes;
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
        let words = numbers.into_iter().chain(counts).chain([self.wishes]);
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
        self.wishes = word(6);
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

impl StepError {
    /// As text that [`of_text`](StepError::of_text) reads, to be sent to other ranks.
    pub(super) fn to_text(&self) -> String {
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

    /// What [`to_text`](StepError::to_text) wrote.
    pub(super) fn of_text(text: &str) -> StepError {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distributed::threads::on_ranks;
    use crate::distributed::{Alone, SumTree};

    /// Shards 1 and 4 have no examples; sums of the others depend on the order of additions. The last value is a buffer's.
    fn leaf(shard: usize, sum: &mut Sum<f32>) {
        *sum = Sum::default();
        if ![1, 4].contains(&shard) {
            let number = |i: usize| ((shard * 7 + i) as f32 * 1.7).sin() * 10_f32.powi(shard as i32 % 5);
            (sum.values, sum.learned) = ((0..6).map(number).collect(), 5);
            (sum.nll, sum.kl, sum.kl_weight) = (0.1 * shard as f64, 0.0, 0.0);
        }
        if shard == 0 {
            (sum.kl, sum.kl_weight) = (12.5, 0.25);
        }
    }

    #[test]
    fn a_sum_has_the_same_bits_on_every_rank() {
        for shards in [1, 2, 3, 5, 8] {
            let mut sums = Vec::new();
            let bits = |sum: &Sum<f32>| {
                let terms = [sum.nll, sum.kl, sum.kl_weight].map(f64::to_bits);
                (terms, sum.learned, sum.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>())
            };
            let sum = SumTree::new(shards, &Alone).sum(&mut sums, &mut leaf);
            assert_eq!((sum.kl, sum.values.len(), sum.values[5]), (12.5, 6, (5.0_f32 * 1.7).sin()));
            let expected = bits(sum);
            for size in 2..=shards {
                on_ranks(size, |exchange| {
                    // Memory of an earlier step.
                    let mut sums = vec![Sum { failure: Some("before".to_owned()), ..Sum::default() }];
                    for _ in 0..2 {
                        let sum = SumTree::new(shards, exchange).sum(&mut sums, &mut leaf);
                        assert!(sum.failure.is_none());
                        assert_eq!(bits(sum), expected, "{exchange:?}, {shards} shards");
                    }
                });
            }
        }
    }

    #[test]
    fn the_first_failure_reaches_every_rank() {
        for size in 1..=8 {
            on_ranks(size, |exchange| {
                let mut leaf = |shard: usize, sum: &mut Sum<f32>| {
                    leaf(shard, sum);
                    sum.failure = [3, 6].contains(&shard).then(|| format!("shard {shard}"));
                };
                let mut sums = Vec::new();
                let sum = SumTree::new(8, exchange).sum(&mut sums, &mut leaf);
                assert_eq!(sum.failure.as_deref(), Some("shard 3"), "{exchange:?}");
            });
        }
    }

    #[test]
    fn wishes_of_all_ranks_are_added() {
        for size in 1..=5 {
            on_ranks(size, |exchange| {
                let mut leaf = |shard: usize, sum: &mut Sum<f32>| {
                    leaf(shard, sum);
                    sum.wishes = if [1, 4].contains(&shard) { 1 << shard } else { 0 };
                };
                let mut sums = Vec::new();
                for _ in 0..2 {
                    assert_eq!(SumTree::new(5, exchange).sum(&mut sums, &mut leaf).wishes, 0b10010, "{exchange:?}");
                }
            });
        }
    }

    #[test]
    fn failures_survive_as_text() {
        let panic =
            |place: Option<&str>| CaughtPanic { message: "four\nrows".to_owned(), place: place.map(str::to_owned) };
        let non_finite =
            |what, is_undone| StepError::NonFinite { what, place: "`exp` at a.rs:3".to_owned(), is_undone };
        let panicked = |place| StepError::Panicked { index: 2, rows: 7, panic: panic(place) };
        let errors = [
            non_finite("the loss", true),
            non_finite("the loss", false),
            non_finite("a gradient", false),
            panicked(Some("a.rs:3:5")),
            panicked(None),
        ];
        for error in errors {
            match (StepError::of_text(&error.to_text()), error) {
                (
                    StepError::NonFinite { what, place, is_undone },
                    StepError::NonFinite { what: of, place: at, is_undone: before },
                ) => assert_eq!((what, place, is_undone), (of, at, before)),
                (
                    StepError::Panicked { index, rows, panic },
                    StepError::Panicked { index: of, rows: many, panic: CaughtPanic { message, place } },
                ) => assert_eq!((index, rows, panic.message, panic.place), (of, many, message, place)),
                _ => panic!("another kind of failure"),
            }
        }
    }
}
