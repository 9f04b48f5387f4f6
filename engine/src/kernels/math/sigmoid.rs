//! sigmoid(x) = 1 / (1 + e⁻ˣ). With t = e^−|x|: 1 / (1 + t) for positive x, t / (1 + t) for negative.

use super::exp::exp;
use super::format::Format;
use crate::kernels::dispatch::Simd;

#[inline(always)]
pub(super) fn sigmoid<S: Simd, T: Format>(x: T) -> T {
    let t = exp::<S, T>(-x.magnitude());
    let numerator = if x < T::ZERO { t } else { T::ONE };
    numerator / (T::ONE + t)
}

#[cfg(test)]
mod tests {
    use super::super::ulp::check;

    check!(sigmoid, ulps 4.0, 4.0, |x: f64| {
        let t = (-x.abs()).exp();
        if x < 0.0 { t / (1.0 + t) } else { 1.0 / (1.0 + t) }
    }, hash 0x7959_091f_cdcd_e088);
}
