//! cosh x = h + 1 / 4h with h = ½ e^|x|, by powers of two that do not overflow before it does.

use super::exp::reduced;
use super::format::Format;
use crate::kernels::dispatch::Simd;

#[inline(always)]
pub(super) fn cosh<S: Simd, T: Format>(x: T) -> T {
    let (rounded, q) = reduced::<S, T>(x.magnitude());
    let (a, b, _) = T::halved_powers(rounded);
    let h = (T::ONE + q) * (T::HALF * a) * b;
    h + (T::HALF * T::HALF) / h
}

#[cfg(test)]
mod tests {
    use super::super::ulp::check;

    check!(cosh, ulps 4.0, 4.0, f64::cosh);
}
