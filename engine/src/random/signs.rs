//! Random signs, ±1 with equal probability, from a key's bits.

use crate::Real;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::random::{Key, Philox};

/// Bits of a counter's four words.
const BITS: usize = 128;

/// Fills `out` with the signs of row `row` of `key`: ±1. Each row starts at its own counter, so rows can be computed
/// separately; all rows of a key must have the same length.
pub fn signs<T: Real>(key: Key, row: usize, out: &mut [T]) {
    let first = (row as u64).wrapping_mul(out.len().div_ceil(BITS) as u64);
    dispatch(Fill { source: key.philox(), first, out });
}

struct Fill<'a, T> {
    source: Philox,
    first: u64,
    out: &'a mut [T],
}

impl<T: Real> Kernel for Fill<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for (i, chunk) in self.out.chunks_mut(BITS).enumerate() {
            let words = self.source.words(self.first.wrapping_add(i as u64));
            for (out, word) in chunk.chunks_mut(32).zip(words) {
                for (bit, sign) in out.iter_mut().enumerate() {
                    *sign = if (word >> bit) & 1 == 0 { T::ONE } else { -T::ONE };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::dispatch::{Level, with_level};

    fn row(level: Level, row: usize, len: usize) -> Vec<f32> {
        let mut out = vec![0.0; len];
        with_level(level, || signs(Key::new(4).at("weight"), row, &mut out));
        out
    }

    #[test]
    fn every_level_has_the_same_signs() {
        for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
            for len in [1, 31, 128, 129, 784] {
                assert_eq!(row(level, 3, len), row(Level::Portable, 3, len), "{level:?}");
            }
        }
    }

    #[test]
    fn signs_are_fair_and_rows_are_uncorrelated() {
        const ROWS: usize = 400;
        const LEN: usize = 200;
        let rows: Vec<_> = (0..ROWS).map(|i| row(Level::Portable, i, LEN)).collect();
        let total: f32 = rows.iter().flatten().sum();
        // Within four standard deviations of zero.
        assert!(total.abs() < 4.0 * ((ROWS * LEN) as f32).sqrt(), "{total}");
        let products: f32 = rows.windows(2).flat_map(|pair| pair[0].iter().zip(&pair[1]).map(|(a, b)| a * b)).sum();
        assert!(products.abs() < 4.0 * (((ROWS - 1) * LEN) as f32).sqrt(), "{products}");
        let neighbours: f32 = rows.iter().flat_map(|row| row.windows(2).map(|pair| pair[0] * pair[1])).sum();
        assert!(neighbours.abs() < 4.0 * ((ROWS * (LEN - 1)) as f32).sqrt(), "{neighbours}");
    }
}
