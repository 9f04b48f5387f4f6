//! Calls safe public functions of the kernels and the tape with invalid arguments: each call panics with a message of
//! ours, or returns a correct result. Under AddressSanitizer or Valgrind, this also shows that a call only reads and
//! writes the memory of its arguments.

mod convolutions;
mod products;
mod slices;
mod values;

use crate::common::Random;
use crate::common::panics::{Panic, outcome, panics};
use elbo_engine::kernels::dispatch::{Level, with_level};

/// Runs `work` at every SIMD level of this processor, starting with the one with most `unsafe` code.
fn at_every_level(work: impl Fn()) {
    for level in Level::ALL.into_iter().rev().filter(|level| level.is_supported()) {
        with_level(level, &work);
    }
}

/// Lengths and strides: usual ones, those around limits, and those whose sums and products overflow.
fn hostile(random: &mut Random) -> usize {
    const LARGE: [usize; 8] =
        [1 << 31, 1 << 32, (1 << 32) + 1, 1 << 61, (1 << 61) + 1, 1 << 63, usize::MAX - 1, usize::MAX];
    match random.below(4) {
        0 => LARGE[random.below(LARGE.len())],
        1 => random.below(70),
        _ => random.below(6),
    }
}

/// The product, if it is small enough for a test.
fn count(factors: &[usize]) -> Option<usize> {
    factors
        .iter()
        .try_fold(1, |product: usize, &factor| product.checked_mul(factor))
        .filter(|&product| product < 100_000)
}

/// A vector of `len`, fewer or more elements.
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

/// Returns `None` if the call panicked; the panic must be one of ours, which names the function first.
#[track_caller]
fn is_rejected<R>(names: &[&str], result: Result<R, Panic>, call: &dyn std::fmt::Debug) -> Option<R> {
    match result {
        Ok(result) => Some(result),
        Err(Panic { message, file, line }) => {
            let is_ours = names.iter().any(|name| message.starts_with(name));
            assert!(is_ours, "`{message}` at {file}:{line} for {call:?}");
            None
        }
    }
}
