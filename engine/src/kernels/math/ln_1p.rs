//! ln(1 + x), with the rounding error of 1 + x added to the reduced argument of [`ln`](super::ln).

use super::format::{Format, add_exponent, mul_add, polynomial};
use super::ln::ln_1p_reduced;
use crate::kernels::dispatch::Simd;

#[inline(always)]
pub(super) fn ln_1p<S: Simd, T: Format>(x: T) -> T {
    let u = T::ONE + x;
    // The exact error of that sum (Knuth's two-sum).
    let v = u - T::ONE;
    let error = (T::ONE - (u - v)) + (x - v);
    // Near zero k = 0 and f = (u − 1) + error = x. Otherwise the error is below the last place of f.
    let (m, k, inverse) = u.split();
    let f = mul_add::<S, T>(error, inverse * T::HALF, m - T::ONE);
    let result = add_exponent::<S, T>(k, ln_1p_reduced::<S, T>(f)).with_sign_of(x);
    let special = if x < -T::ONE { T::NAN } else { x };
    let special = if x == -T::ONE { -T::INFINITY } else { special };
    if x > -T::ONE && x < T::INFINITY { result } else { special }
}

/// Q for `f32`: ln(1 + x) = x + x² Q(x) for 0 ≤ x ≤ 1. Its relative error is 0.1 units of 2⁻²⁴: each coefficient was
/// rounded before the following ones were fitted.
pub(super) const F32: [f32; 9] = [
    -0.499_999_23,
    0.333_302_08,
    -0.249_554_22,
    0.196_791_53,
    -0.153_088_03,
    0.106_021_81,
    -0.056_896_158,
    0.019_798_29,
    -0.003_228_896_5,
];

/// Unused for `f64`, which would need twice as many terms: more than the cost of the quotient.
pub(super) const F64: [f64; 0] = [];

/// A simpler ln(1 + x) for 0 ≤ x ≤ 1.
#[inline(always)]
pub(super) fn ln_1p_unit<S: Simd, T: Format>(x: T) -> T {
    // Without fused multiply-add, the polynomial's rounding errors exceed those of the quotient.
    if S::FUSED && !T::LN_1P_UNIT.is_empty() {
        return mul_add::<S, T>(x * x, polynomial::<S, T>(x, T::LN_1P_UNIT), x);
    }
    // 1 + x is 1 + f, or 2 (1 + f); both f are exact.
    let doubled = x >= T::HALF;
    let f = if doubled { (x - T::ONE) * T::HALF } else { x };
    let k = if doubled { T::ONE } else { T::ZERO };
    add_exponent::<S, T>(k, ln_1p_reduced::<S, T>(f))
}

#[cfg(test)]
mod tests {
    use super::super::ulp::check;

    check!(ln_1p, ulps 2.0, 4.0, f64::ln_1p, hash 0x1f1d_bdc1_ac6f_20d3);
}
