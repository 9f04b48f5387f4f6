//! Public functions of the kernels and of the tape, called without `unsafe` and with arguments that do not fit: each call
//! panics with a message of ours, or gives a right result. Run under AddressSanitizer or Valgrind, this also shows that no
//! call reads or writes memory that is not its arguments'.

mod convolutions;
mod products;
mod slices;
mod values;

use crate::common::Random;
use crate::common::panics::{Panic, outcome, panics};
use elbo_engine::kernels::dispatch::{Level, with_level};

/// Runs `work` at every level of vector instructions that this processor has, the most `unsafe` one first.
fn at_every_level(work: impl Fn()) {
    for level in Level::ALL.into_iter().rev().filter(|level| level.is_supported()) {
        with_level(level, &work);
    }
}

/// Of lengths and strides: those that occur, those around limits, and those whose sums and products overflow.
fn hostile(random: &mut Random) -> usize {
    const LARGE: [usize; 8] =
        [1 << 31, 1 << 32, (1 << 32) + 1, 1 << 61, (1 << 61) + 1, 1 << 63, usize::MAX - 1, usize::MAX];
    match random.below(4) {
        0 => LARGE[random.below(LARGE.len())],
        1 => random.below(70),
        _ => random.below(6),
    }
}

/// The product, where there can be so many elements in a test.
fn count(factors: &[usize]) -> Option<usize> {
    factors
        .iter()
        .try_fold(1, |product: usize, &factor| product.checked_mul(factor))
        .filter(|&product| product < 100_000)
}

/// One of `len`, fewer or more elements.
fn near(random: &mut Random, len: Option<usize>) -> Vec<f32> {
    let len = len.unwrap_or(0);
    let len = match random.below(8) {
        0 => len.saturating_sub(1 + random.below(3)),
        1 => len + 1 + random.below(3),
        2 => 0,
        _ => len,
    };
    (0..len).map(|i| (i as f32 * 0.37).sin()).collect()
}

/// A panic may only be one of ours, which names the function first.
#[track_caller]
fn is_refused<R>(names: &[&str], result: Result<R, Panic>, call: &dyn std::fmt::Debug) -> Option<R> {
    match result {
        Ok(result) => Some(result),
        Err(Panic { message, file, line }) => {
            let is_ours = names.iter().any(|name| message.starts_with(name));
            assert!(is_ours, "`{message}` at {file}:{line} for {call:?}");
            None
        }
    }
}
