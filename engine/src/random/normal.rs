//! Standard normals by the transformation of G. E. P. Box and M. E. Muller, "A note on the generation of random normal
//! deviates" (1958): a radius √(−2 ln u) and a point on the circle give two.
//!
//! Noise has the same bits on every processor. Therefore its arithmetic never fuses a multiplication with an addition,
//! at any level, although that would be faster: it says [`Portable`] wherever a level is asked for. What is left (sums,
//! products, quotients, square roots, conversions) IEEE 754 rounds alike everywhere.

use super::circle::{self, Series, cos_sin};
use super::philox::LANES;
use super::{Key, Philox};
use crate::kernels::dispatch::{Kernel, Portable, Simd, dispatch};
use crate::kernels::math::{Format, Math, ln_scaled};

/// Normals that are computed together.
pub const BLOCK: usize = 64;

/// Numbers that standard normal noise can be had in.
///
/// The two precisions are different noise: a key's `f32` normals are not its `f64` normals rounded.
pub trait Noise: Copy {
    /// Normals `index * BLOCK` to `(index + 1) * BLOCK` of `source`, for use inside [`Kernel::run`], at whose level this
    /// is compiled.
    fn block(source: &Philox, index: u64) -> [Self; BLOCK];
}

/// A block is the words of 16 consecutive counters. Words 0 and 1 give 16 cosines, then their 16 sines; words 2 and 3
/// the second half.
impl Noise for f32 {
    #[inline(always)]
    fn block(source: &Philox, index: u64) -> [f32; BLOCK] {
        const ANGLE: f32 = std::f32::consts::PI / (1u64 << 33) as f32;
        let [a, b, c, d] = source.lanes(index.wrapping_mul(LANES as u64));
        let mut block = [0.0; BLOCK];
        for (half, radii, angles) in [(0, a, b), (2, c, d)] {
            for lane in 0..LANES {
                let (cos, sin) = Pair {
                    uniform: radii[lane] as f32 + 0.5,
                    exponent: 32.0,
                    angle: angles[lane] as i32 as f32 * ANGLE,
                    quarter: angles[lane],
                }
                .normals(&circle::F32);
                block[half * LANES + lane] = cos;
                block[(half + 1) * LANES + lane] = sin;
            }
        }
        block
    }
}

/// A block is the words of 32 consecutive counters; each 16 of them give 16 cosines, then their 16 sines.
impl Noise for f64 {
    #[inline(always)]
    fn block(source: &Philox, index: u64) -> [f64; BLOCK] {
        const WORD: f64 = (1u64 << 32) as f64;
        const ANGLE: f64 = std::f64::consts::PI / (2.0 * WORD * WORD);
        let mut block = [0.0; BLOCK];
        for half in [0, 2] {
            let first = index.wrapping_mul(2).wrapping_add(half as u64 / 2);
            let [a, b, c, d] = source.lanes(first.wrapping_mul(LANES as u64));
            for lane in 0..LANES {
                let (cos, sin) = Pair {
                    uniform: f64::from(a[lane]) * WORD + f64::from(b[lane]) + 0.5,
                    exponent: 64.0,
                    angle: (f64::from(c[lane] as i32) * WORD + f64::from(d[lane])) * ANGLE,
                    quarter: d[lane],
                }
                .normals(&circle::F64);
                block[half * LANES + lane] = cos;
                block[(half + 1) * LANES + lane] = sin;
            }
        }
        block
    }
}

/// Two uniform numbers on their way to two normals.
struct Pair<T> {
    /// A uniform number times 2 to the power of `exponent`, at least ½: its relative precision is full where the radius
    /// is great, and its logarithm is finite.
    uniform: T,
    exponent: T,
    /// In [−π/4, π/4].
    angle: T,
    /// Its lowest two bits say which quarter of the circle `angle` lies in. (They are bits of the angle too, of so
    /// little weight there that the quarters differ by less than rounding does.)
    quarter: u32,
}

impl<T: Format> Pair<T> {
    #[inline(always)]
    fn normals(self, series: &Series<T>) -> (T, T) {
        let log = ln_scaled::<Portable, T>(self.uniform, -self.exponent);
        let radius = Math::sqrt(-(log + log));
        let radius = if self.quarter & 1 == 0 { radius } else { -radius };
        let (cos, sin) = cos_sin(self.angle, series);
        let turned = self.quarter & 2 != 0;
        let (x, y) = if turned { (sin, cos) } else { (cos, sin) };
        (radius * x, radius * y)
    }
}

/// Fills `out` with normals `start`, `start + 1`, … of `key`.
///
/// The noise of an element depends on its index alone: any range of it has the bits it has in a longer one.
pub fn normals<T: Noise>(key: Key, start: u64, out: &mut [T]) {
    dispatch(Fill { source: key.philox(), start, out });
}

struct Fill<'a, T> {
    source: Philox,
    start: u64,
    out: &'a mut [T],
}

impl<T: Noise> Kernel for Fill<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let mut index = self.start / BLOCK as u64;
        let mut rest = self.out;
        let mut skip = (self.start % BLOCK as u64) as usize;
        // One call, so that the block's code is there once: whole blocks differ from the ends only in what is copied.
        while !rest.is_empty() {
            let block = T::block(&self.source, index);
            let count = rest.len().min(BLOCK - skip);
            let (now, later) = rest.split_at_mut(count);
            if let Ok(whole) = <&mut [T; BLOCK]>::try_from(&mut *now) {
                *whole = block;
            } else {
                now.copy_from_slice(&block[skip..skip + count]);
            }
            (rest, skip, index) = (later, 0, index.wrapping_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;
    use crate::kernels::dispatch::{Level, with_level};

    fn filled<T: Noise + Default>(level: Level, start: u64, len: usize) -> Vec<T> {
        let mut out = vec![T::default(); len];
        with_level(level, || normals(Key::new(3).at("weight").step(5).draw(1), start, &mut out));
        out
    }

    fn every_level_has_the_same<T: Noise + Default + PartialEq + Debug>() {
        let portable = filled::<T>(Level::Portable, 0, 1 << 16);
        for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
            // No normal is NaN, and −0 is unlikely enough, so equality is equality of bits.
            assert!(filled::<T>(level, 0, 1 << 16) == portable, "{level:?}");
        }
    }

    #[test]
    fn every_level_has_the_same_bits() {
        every_level_has_the_same::<f32>();
        every_level_has_the_same::<f64>();
    }

    fn any_range_is_the_same<T: Noise + Default + PartialEq + Debug>() {
        let level = crate::kernels::dispatch::level();
        let whole = filled::<T>(level, 0, 1000);
        for start in [0, 1, 31, 63, 64, 65, 127, 500] {
            for len in [0, 1, 2, 63, 64, 65, 128, 200, 500] {
                assert_eq!(filled::<T>(level, start as u64, len), whole[start..start + len]);
            }
        }
    }

    #[test]
    fn any_range_has_the_same_bits() {
        any_range_is_the_same::<f32>();
        any_range_is_the_same::<f64>();
    }

    #[test]
    fn the_extreme_bits_give_finite_normals() {
        for uniform in [0.5, u32::MAX as f32 + 0.5] {
            for (angle, quarter) in [(0.0, 0), (0.785_398_2, 1), (-0.785_398_2, 2)] {
                let (x, y) = Pair { uniform, exponent: 32.0, angle, quarter }.normals(&circle::F32);
                assert!(x.is_finite() && y.is_finite(), "{x} {y}");
            }
        }
        let radius = |(x, y): (f32, f32)| x.hypot(y);
        let longest = Pair { uniform: 0.5, exponent: 32.0, angle: 0.1, quarter: 0 }.normals(&circle::F32);
        assert!((radius(longest) - (66.0 * std::f32::consts::LN_2).sqrt()).abs() < 1e-6);
    }
}
