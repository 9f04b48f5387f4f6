//! tanh |x| = u / (u + 2) with u = e^2|x| − 1, which is accurate near zero.

use super::exp::reduced;
use super::format::{Format, mul_add};
use crate::kernels::dispatch::Simd;

#[inline(always)]
pub(super) fn tanh<S: Simd, T: Format>(x: T) -> T {
    let size = x.magnitude();
    // The comparison is false for NaN, which passes through.
    let size = if T::TANH_LIMIT < size { T::TANH_LIMIT } else { size };
    // So far below overflow, 2ⁿ need not be split as in `exp_m1`.
    let (rounded, q) = reduced::<S, T>(size + size);
    let power = T::power(rounded);
    let u = mul_add::<S, T>(power, q, power - T::ONE);
    (u / (u + T::TWO)).with_sign_of(x)
}

#[cfg(test)]
mod tests {
    use super::super::ulp::check;

    check!(tanh, ulps 4.0, 4.0, f64::tanh, hash 0x0401_d7e3_f569_7c39);
}
