//! ln x = k ln 2 + ln(1 + f) with x = 2ᵏ (1 + f) and −1/4 ≤ f < 1/2.
//!
//! With s = f / (2 + f), ln(1 + f) = 2 artanh s = 2s + s z R(z) where z = s². Since 2s = f − s f, the leading term f is
//! exact: ln(1 + f) = f − s (f − z R(z)).

use super::format::{Format, add_exponent, mul_add, polynomial};
use crate::kernels::dispatch::Simd;

/// R for `f32`. Its error is 0.02 units of 2⁻²⁴.
pub(super) const F32: [f32; 4] = [0.666_666_7, 0.400_003_1, 0.285_327_43, 0.237_473_44];

/// R for `f64`. Its error is 0.02 units of 2⁻⁵³.
pub(super) const F64: [f64; 8] = [
    0.666_666_666_666_666_6,
    0.400_000_000_000_078,
    0.285_714_285_673_391_9,
    0.222_222_230_378_072_43,
    0.181_817_384_547_230_26,
    0.153_888_346_778_019_16,
    0.132_103_604_851_326_2,
    0.136_040_157_071_240_79,
];

#[inline(always)]
pub(super) fn ln<S: Simd, T: Format>(x: T) -> T {
    let subnormal = x < T::NORMAL;
    let lifted = if subnormal { x * T::LIFT } else { x };
    let (m, k, _) = lifted.split();
    let k = if subnormal { k - T::LIFT_EXPONENT } else { k };
    let result = add_exponent::<S, T>(k, ln_1p_reduced::<S, T>(m - T::ONE));
    let special = if x == T::ZERO { -T::INFINITY } else { x };
    let special = if x < T::ZERO { T::NAN } else { special };
    if x > T::ZERO && x < T::INFINITY { result } else { special }
}

/// ln of a positive normal number.
#[inline(always)]
pub(super) fn ln_normal<S: Simd, T: Format>(x: T) -> T {
    let (m, k, _) = x.split();
    add_exponent::<S, T>(k, ln_1p_reduced::<S, T>(m - T::ONE))
}

/// f − ln(1 + f) for −1/4 ≤ f ≤ 1/2, without cancellation.
#[inline(always)]
pub(super) fn ln_rest<S: Simd, T: Format>(f: T) -> T {
    let s = f / (T::TWO + f);
    let z = s * s;
    s * mul_add::<S, T>(-z, polynomial::<S, T>(z, T::LN), f)
}

/// ln(1 + f) for −1/4 ≤ f ≤ 1/2.
#[inline(always)]
pub(crate) fn ln_1p_reduced<S: Simd, T: Format>(f: T) -> T {
    let s = f / (T::TWO + f);
    let z = s * s;
    let remainder = mul_add::<S, T>(-z, polynomial::<S, T>(z, T::LN), f);
    mul_add::<S, T>(-s, remainder, f)
}

#[cfg(test)]
mod tests {
    use super::super::ulp::check;

    check!(ln, ulps 2.0, 4.0, f64::ln, hash 0x34a3_44cd_b637_e609);
}
