//! eˣ − 1 = 2ⁿ (eʳ − 1) + (2ⁿ − 1), with n and r as in [`exp`](super::exp).

use super::exp::reduced;
use super::format::{Format, mul_add};
use crate::kernels::dispatch::Simd;

#[inline(always)]
pub(super) fn exp_m1<S: Simd, T: Format>(x: T) -> T {
    let (rounded, q) = reduced::<S, T>(x);
    // With n = a + b: (2ᵃ q + (2ᵃ − 2⁻ᵇ)) 2ᵇ. If n = 0 this is exactly q.
    let (a, b, inverse_of_b) = T::halved_powers(rounded);
    let result = mul_add::<S, T>(a, q, a - inverse_of_b) * b;
    // The result already has the sign of x, except at −0.
    result.with_sign_of(x)
}

#[cfg(test)]
mod tests {
    use super::super::ulp::check;

    check!(exp_m1, ulps 2.0, 4.0, f64::exp_m1, hash 0xe4e9_1830_1a52_83dd);
}
