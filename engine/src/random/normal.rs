//! Standard normal noise by the Box–Muller transform (G. E. P. Box and M. E. Muller, "A note on the generation of
//! random normal deviates", 1958): a radius √(−2 ln u) and a point on the circle give two normals.
//!
//! Noise has the same bits on every processor. Therefore its arithmetic never uses fused multiply-add, at any level,
//! although that would be faster: wherever a level is needed, it uses [`Portable`]. The remaining operations (sums,
//! products, quotients, square roots, conversions) are rounded identically everywhere by IEEE 754.
//! products, quotients, square roots, conversions) IEEE 754 rounds alike everywhere.

use std::ops::{Deref, DerefMut};

use super::circle::{Circle, cos_sin};
use super::philox::LANES;
use super::{Key, Philox};
use crate::kernels::dispatch::{Kernel, Portable, Simd, dispatch};
use crate::kernels::math::{Math, ln_1p_reduced};

/// The number of normals that are computed together.
pub const BLOCK: usize = 64;

/// A block of numbers aligned to a cache line: loading a vector that straddles two lines takes two accesses.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Block<T>([T; BLOCK]);

impl<T: Copy> Block<T> {
    /// A block of equal numbers.
    #[inline(always)]
    pub fn of(number: T) -> Self {
        Block([number; BLOCK])
    }
}

impl<T> Deref for Block<T> {
    type Target = [T; BLOCK];

    #[inline(always)]
    fn deref(&self) -> &[T; BLOCK] {
        &self.0
    }
}

impl<T> DerefMut for Block<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T; BLOCK] {
        &mut self.0
    }
}

/// Scalar types of standard normal noise.
///
/// The two precisions have different noise: a key's `f32` normals are not its rounded `f64` normals.
pub trait Noise: Copy {
    /// Normals `index * BLOCK` to `(index + 1) * BLOCK` of `source`, for use inside [`Kernel::run`], at whose level it
    /// is compiled.
    fn block(source: &Philox, index: u64) -> Block<Self>;
}

/// The number of pairs of normals in a block.
const PAIRS: usize = BLOCK / 2;

/// A block uses the words of 16 consecutive counters. Words 0 and 1 give 16 cosines, then their 16 sines; words 2 and 3
/// give the second half.
impl Noise for f32 {
    #[inline(always)]
    fn block(source: &Philox, index: u64) -> Block<f32> {
        const WORD: f32 = 1.0 / (1u64 << 32) as f32;
        const ANGLE: f32 = std::f32::consts::FRAC_PI_2 * WORD;
        let [a, b, c, d] = source.lanes(index.wrapping_mul(LANES as u64));
        let mut pairs = Pairs::new();
        for (half, (radius, angle)) in [(a, b), (c, d)].into_iter().enumerate() {
            for lane in 0..LANES {
                let i = half * LANES + lane;
                pairs.uniform[i] = radius[lane] as f32 * WORD + 0.5 * WORD;
                pairs.angle[i] = angle[lane] as i32 as f32 * ANGLE;
                pairs.quarter[i] = angle[lane];
            }
        }
        pairs.normals()
    }
}

/// A block uses the words of 32 consecutive counters; each 16 of them give 16 cosines, then their 16 sines.
impl Noise for f64 {
    #[inline(always)]
    fn block(source: &Philox, index: u64) -> Block<f64> {
        const WORD: f64 = 1.0 / (1u64 << 32) as f64;
        const ANGLE: f64 = std::f64::consts::FRAC_PI_2 * WORD;
        let counter = index.wrapping_mul(2 * LANES as u64);
        let mut pairs = Pairs::new();
        for half in 0..2 {
            let [a, b, c, d] = source.lanes(counter.wrapping_add((half * LANES) as u64));
            for lane in 0..LANES {
                let i = half * LANES + lane;
                pairs.uniform[i] = f64::from(a[lane]) * WORD + (f64::from(b[lane]) + 0.5) * (WORD * WORD);
                pairs.angle[i] = (f64::from(c[lane] as i32) + f64::from(d[lane]) * WORD) * ANGLE;
                pairs.quarter[i] = d[lane];
            }
        }
        pairs.normals()
    }
}

/// The uniform inputs of pairs of normals.
#[repr(C, align(64))]
struct Pairs<T> {
    /// In (0, 1]. Its relative precision is full near zero, where the radius is large: the smallest value is half a
    /// unit of the underlying bits, 2⁻³³ in `f32` and 2⁻⁶⁵ in `f64`, which gives normals up to 6.8 and 9.5.
    uniform: [T; PAIRS],
    /// In [−π/4, π/4].
    angle: [T; PAIRS],
    /// The lowest two bits select the quadrant of `angle`. (They are bits of the angle too, but of so little weight
    /// that the quadrants differ by less than rounding.)
    quarter: [u32; PAIRS],
}

impl<T: Circle> Pairs<T> {
    #[inline(always)]
    fn new() -> Self {
        Pairs { uniform: [T::ONE; PAIRS], angle: [T::ZERO; PAIRS], quarter: [0; PAIRS] }
    }

    /// Two loops, because a single one is too long for a processor to overlap successive pairs.
    #[inline(always)]
    fn normals(&self) -> Block<T> {
        let mut radius = Block::of(T::ZERO);
        for (radius, uniform) in radius.iter_mut().zip(&self.uniform) {
            let (m, k, _) = uniform.split();
            // A single constant for ln 2 suffices: there is no cancellation, since k = 0 where u is near one.
            let log = k * (T::LN_2_HIGH + T::LN_2_LOW) + ln_1p_reduced::<Portable, T>(m - T::ONE);
            *radius = (-(log + log)).sqrt();
        }
        let mut block = Block::of(T::ZERO);
        for (half, out) in block.as_chunks_mut::<{ 2 * LANES }>().0.iter_mut().enumerate() {
            for lane in 0..LANES {
                let i = half * LANES + lane;
                // Both conditions are sign bits, which are all that a vector blend reads.
                let (negative, turned) = ((self.quarter[i] << 31) as i32, (self.quarter[i] << 30) as i32);
                let radius = if negative < 0 { -radius[i] } else { radius[i] };
                let (cos, sin) = cos_sin(self.angle[i]);
                let (x, y) = if turned < 0 { (sin, cos) } else { (cos, sin) };
                (out[lane], out[LANES + lane]) = (radius * x, radius * y);
            }
        }
        block
    }
}

/// Fills `out` with the normals `start`, `start + 1`, … of `key`.
///
/// The noise of an element depends only on its index: any range has the same bits as within a longer one.
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
        // A single call site, so that the block's code is inlined once: whole blocks differ from the ends only in what
        // is copied.
        while !rest.is_empty() {
            let block = T::block(&self.source, index);
            let count = rest.len().min(BLOCK - skip);
            let (now, later) = rest.split_at_mut(count);
            if let Ok(whole) = <&mut [T; BLOCK]>::try_from(&mut *now) {
                *whole = *block;
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
            // Normals are never NaN, and −0 is unlikely enough, so equality is equality of bits.
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
        let eighth = std::f32::consts::FRAC_PI_4;
        let (least, greatest) = (1.0 / (1u64 << 33) as f32, 1.0);
        for uniform in [least, greatest] {
            for (angle, quarter) in [(0.0, 0), (eighth, 1), (-eighth, 2)] {
                let pairs = Pairs { uniform: [uniform; PAIRS], angle: [angle; PAIRS], quarter: [quarter; PAIRS] };
                assert!(pairs.normals().iter().all(|x| x.is_finite()));
            }
        }
        let pairs = Pairs { uniform: [least; PAIRS], angle: [0.1; PAIRS], quarter: [0; PAIRS] };
        let normals = pairs.normals();
        assert!((normals[0].hypot(normals[LANES]) - (66.0 * std::f32::consts::LN_2).sqrt()).abs() < 1e-6);
    }
}
