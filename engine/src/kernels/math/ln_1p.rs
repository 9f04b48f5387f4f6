//! ln(1 + x), where the rounding of 1 + x is put back into the reduced argument of [`ln`](super::ln).

use super::format::{Format, add_exponent, mul_add};
use super::ln::ln_1p_reduced;
use crate::kernels::dispatch::Simd;

#[inline(always)]
pub(super) fn ln_1p<S: Simd, T: Format>(x: T) -> T {
    let u = T::ONE + x;
    // The exact error of that sum (Knuth's two-sum).
    let v = u - T::ONE;
    let error = (T::ONE - (u - v)) + (x - v);
    // Near zero k = 0 and f = (u − 1) + error = x. Elsewhere the error is below the last place of f.
    let (m, k, inverse) = u.split();
    let f = mul_add::<S, T>(error, inverse * T::HALF, m - T::ONE);
    let result = add_exponent::<S, T>(k, ln_1p_reduced::<S, T>(f)).with_sign_of(x);
    let special = if x < -T::ONE { T::NAN } else { x };
    let special = if x == -T::ONE { -T::INFINITY } else { special };
    if x > -T::ONE && x < T::INFINITY { result } else { special }
}

/// ln(1 + x) for 0 ≤ x ≤ 1, where it is simpler.
#[inline(always)]
pub(super) fn ln_1p_unit<S: Simd, T: Format>(x: T) -> T {
    // 1 + x is 1 + f, or 2 (1 + f); either f is exact.
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
