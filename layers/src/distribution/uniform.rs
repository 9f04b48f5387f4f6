//! Uniform random numbers in the open interval (0, 1).

use crate::engine::random::Philox;

/// The `i`-th uniform number, in the open interval (0, 1).
pub(crate) fn uniform(noise: &Philox, i: usize) -> f64 {
    let words = noise.words((i / 2) as u64);
    let [high, low] = [words[i % 2 * 2], words[i % 2 * 2 + 1]];
    // 52 random bits, and a half.
    let bits = (u64::from(high) << 32 | u64::from(low)) >> 12;
    (bits as f64 + 0.5) / (1u64 << 52) as f64
}
