//! sinh |x| = ½ (u + u / (u + 1)) with u = e^|x| − 1, which is accurate near zero. Where tanh rounds to one it is ½
//! e^|x|, by powers of two that do not overflow before it does.

use super::exp::reduced;
use super::format::{Format, mul_add};
use crate::kernels::dispatch::Simd;

#[inline(always)]
pub(super) fn sinh<S: Simd, T: Format>(x: T) -> T {
    let size = x.magnitude();
    let (rounded, q) = reduced::<S, T>(size);
    let (a, b, inverse_of_b) = T::halved_powers(rounded);
    let u = mul_add::<S, T>(a, q, a - inverse_of_b) * b;
    let small = T::HALF * (u + u / (u + T::ONE));
    let large = (T::ONE + q) * (T::HALF * a) * b;
    (if size < T::TANH_LIMIT { small } else { large }).with_sign_of(x)
}

#[cfg(test)]
mod tests {
    use super::super::ulp::check;

    check!(sinh, ulps 4.0, 4.0, f64::sinh);
}
