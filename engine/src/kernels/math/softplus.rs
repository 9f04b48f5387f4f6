//! softplus(x) = ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|), which neither overflows nor cancels.

use super::exp::exp;
use super::format::Format;
use super::ln_1p::ln_1p_unit;
use crate::kernels::dispatch::Simd;

#[inline(always)]
pub(super) fn softplus<S: Simd, T: Format>(x: T) -> T {
    softplus_with::<S, T>(x, exp::<S, T>(-x.magnitude()))
}

/// softplus(x), given t = e^−|x|.
#[inline(always)]
pub(super) fn softplus_with<S: Simd, T: Format>(x: T, t: T) -> T {
    let positive = if x > T::ZERO { x } else { T::ZERO };
    positive + ln_1p_unit::<S, T>(t)
}

#[cfg(test)]
mod tests {
    use super::super::ulp::check;

    check!(softplus, ulps 2.0, 4.0, |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p(), hash 0x78ee_f887_6059_eafa);
}
