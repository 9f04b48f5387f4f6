//! eˣ = 2ⁿ eʳ with n = round(x / ln 2), so |r| ≤ ln 2 / 2, and eʳ = 1 + r + r² P(r).

use super::format::{Format, mul_add, polynomial};
use crate::kernels::dispatch::Simd;

/// P for `f32`. Its error is 0.03 units of 2⁻²⁴.
pub(super) const F32: [f32; 6] = [0.5, 0.166_666_67, 0.041_666_463, 0.008_333_310_5, 0.001_393_367_4, 0.000_198_910_17];

/// P for `f64`. Its error is 0.01 units of 2⁻⁵³.
pub(super) const F64: [f64; 11] = [
    0.5,
    0.166_666_666_666_666_7,
    0.041_666_666_666_666_67,
    0.008_333_333_333_326_12,
    0.001_388_888_888_888_373_7,
    0.000_198_412_698_748_739_75,
    2.480_158_732_558_584e-5,
    2.755_725_533_255_441e-6,
    2.755_727_359_479_941_3e-7,
    2.510_524_515_390_137e-8,
    2.091_470_706_961_235_5e-9,
];

#[inline(always)]
pub(super) fn exp<S: Simd, T: Format>(x: T) -> T {
    let (rounded, q) = reduced::<S, T>(x);
    let (a, b, _) = T::halved_powers(rounded);
    // In two steps, because 2ⁿ overflows before eˣ does, and a subnormal eˣ must be rounded only once.
    (T::ONE + q) * a * b
}

/// n + [`ROUND`](Format::ROUND), and eʳ − 1. x is clamped to ±[`EXP_LIMIT`](Format::EXP_LIMIT).
#[inline(always)]
pub(super) fn reduced<S: Simd, T: Format>(x: T) -> (T, T) {
    // Adding −0 changes nothing, so the compiler removes it; adding +0 would not be removed.
    reduced_sum::<S, T>(x, -T::ZERO)
}

/// [`reduced`] for x + `rest`, where the rest is small compared to x.
#[inline(always)]
pub(super) fn reduced_sum<S: Simd, T: Format>(x: T, rest: T) -> (T, T) {
    // The comparisons are false for NaN, which passes through.
    let x = if T::EXP_LIMIT < x { T::EXP_LIMIT } else { x };
    let x = if x < -T::EXP_LIMIT { -T::EXP_LIMIT } else { x };
    let rounded = mul_add::<S, T>(x, T::LOG2_E, T::ROUND);
    let n = rounded - T::ROUND;
    let r = mul_add::<S, T>(n, -T::LN_2_HIGH, x);
    let r = mul_add::<S, T>(n, -T::LN_2_LOW, r) + rest;
    let q = mul_add::<S, T>(r * r, polynomial::<S, T>(r, T::EXP), r);
    (rounded, q)
}

#[cfg(test)]
mod tests {
    use super::super::ulp::check;

    check!(exp, ulps 2.0, 4.0, f64::exp, hash 0xd070_374c_b555_0d9d);
}
