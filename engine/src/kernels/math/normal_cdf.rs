//! Φ(x) = ½ erfc(−x/√2), the standard normal distribution function, with x²/2 in erfc's exponent instead of the square
//! of the rounded x/√2. Near zero it is ½ + ½ erf(x/√2).

use super::erf::erf_small;
use super::erfc::{at_most, tail};
use super::exact::two_product;
use super::format::{Format, mul_add};
use crate::kernels::dispatch::Simd;

#[inline(always)]
pub(super) fn normal_cdf<S: Simd, T: Format>(x: T) -> T {
    let size = at_most(x.magnitude(), T::NORMAL_CDF_LIMIT);
    let (square, error) = two_product::<S, T>(size, size);
    let scaled = size * T::SQRT_HALF;
    let lower = T::HALF * tail::<S, T>(scaled, (T::HALF * square, T::HALF * error));
    let far = if x > T::ZERO { T::ONE - lower } else { lower };
    let near = mul_add::<S, T>(T::HALF, erf_small::<S, T>(x * T::SQRT_HALF), T::HALF);
    if scaled < T::HALF { near } else { far }
}

#[cfg(test)]
mod tests {
    use super::super::Math;
    use super::super::ulp::check;
    use crate::kernels::dispatch::Portable;

    check!(normal_cdf, ulps 4.0, 4.0, |x: f64| Math::normal_cdf::<Portable>(x), table only);
}
