//! Differences of functions related to Γ and of logarithms that nearly cancel, for likelihoods of counts. In double
//! precision.

use super::Math;
use super::digamma::V;
use super::format::polynomial;
use super::gamma::LARGE;
use super::ln::ln_rest;
use crate::kernels::dispatch::Simd;

/// ln Γ(x + 1) − (x + ½) ln x + x − ½ ln 2π, the error of Stirling's formula, for x > 0: it decreases to 1/12x.
#[inline(always)]
pub(crate) fn stirling_error<S: Simd>(x: f64) -> f64 {
    let inverse = 1.0 / x;
    let far = inverse * polynomial::<S, f64>(inverse * inverse, &SERIES);
    let near = Math::ln_gamma::<S>(x + 1.0) - ((x + 0.5) * Math::ln::<S>(x) - x) - HALF_LN_TAU;
    if x >= LARGE { far } else { near }
}

/// ψ(x) − ln x + 1/2x for x ≥ 8, in absolute value less than 1/12x².
#[inline(always)]
pub(crate) fn digamma_rest<S: Simd>(x: f64) -> f64 {
    let square = 1.0 / (x * x);
    -square * polynomial::<S, f64>(square, &V)
}

/// v − ln(1 + v) for v ≥ −1, given the logarithm: about v²/2 near zero, where the difference would cancel.
#[inline(always)]
pub(crate) fn minus_ln_1p<S: Simd>(v: f64, ln: f64) -> f64 {
    let is_near = (-0.25..=0.5).contains(&v);
    // Other arguments may not be reduced.
    let near = ln_rest::<S, f64>(if is_near { v } else { 0.0 });
    let far = if v == f64::INFINITY { v } else { v - ln };
    if is_near { near } else { far }
}

/// ½ ln 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;

/// B₂ₖ / 2k(2k − 1), with the Bernoulli numbers B; the first omitted term is below 1e-16 of the sum from 8 on.
const SERIES: [f64; 9] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360_360.0,
    1.0 / 156.0,
    -3617.0 / 122_400.0,
    43_867.0 / 244_188.0,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::dispatch::Portable;

    #[track_caller]
    fn near(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance * expected.abs(), "{found:e} is not {expected:e}");
    }

    /// Values of mpmath in 60 digits.
    #[test]
    fn the_error_of_stirlings_formula_is_accurate() {
        near(stirling_error::<Portable>(1e-9), 9.442_694_406_414_583, 1e-15);
        near(stirling_error::<Portable>(0.1), 0.512_740_081_331_915, 1e-15);
        near(stirling_error::<Portable>(1.0), 0.081_061_466_795_327_26, 1e-14);
        near(stirling_error::<Portable>(3.5), 0.023_746_163_656_297_496, 2e-13);
        near(stirling_error::<Portable>(7.999), 0.010_412_565_487_973_913, 2e-12);
        near(stirling_error::<Portable>(8.0), 0.010_411_265_261_972_096, 2e-15);
        near(stirling_error::<Portable>(20.0), 0.004_166_319_691_996_922, 1e-15);
        near(stirling_error::<Portable>(1e6), 8.333_333_333_333_056e-8, 1e-15);
        near(stirling_error::<Portable>(1e16), 8.333_333_333_333_334e-18, 1e-15);
    }

    #[test]
    fn the_rest_of_digamma_is_accurate() {
        near(digamma_rest::<Portable>(8.0), -0.001_300_063_724_225_931_8, 2e-15);
        near(digamma_rest::<Portable>(30.0), -9.258_230_996_383_218e-5, 2e-15);
        near(digamma_rest::<Portable>(1e8), -8.333_333_333_333_334e-18, 2e-15);
    }

    #[test]
    fn the_difference_to_a_logarithm_does_not_cancel() {
        assert_eq!(minus_ln_1p::<Portable>(1e-200, 1e-200), 0.0);
        near(minus_ln_1p::<Portable>(-1e-9, Math::ln_1p::<Portable>(-1e-9)), 5.000_000_003_333_334e-19, 2e-15);
        near(minus_ln_1p::<Portable>(3e-5, Math::ln_1p::<Portable>(3e-5)), 4.499_910_002_024_952e-10, 2e-15);
        near(minus_ln_1p::<Portable>(-0.2, Math::ln_1p::<Portable>(-0.2)), 0.023_143_551_314_209_757, 2e-15);
        near(minus_ln_1p::<Portable>(0.5, Math::ln_1p::<Portable>(0.5)), 0.094_534_891_891_835_62, 2e-15);
        near(minus_ln_1p::<Portable>(0.6, Math::ln_1p::<Portable>(0.6)), 0.129_996_370_754_264_43, 2e-15);
        near(minus_ln_1p::<Portable>(-0.3, Math::ln_1p::<Portable>(-0.3)), 0.056_674_943_938_732_375, 2e-15);
        near(minus_ln_1p::<Portable>(1e9, Math::ln_1p::<Portable>(1e9)), 999_999_979.276_734_1, 2e-15);
        near(minus_ln_1p::<Portable>(-0.999_999, Math::ln_1p::<Portable>(-0.999_999)), 12.815_511_557_935_519, 2e-15);
        assert_eq!(minus_ln_1p::<Portable>(-1.0, f64::NEG_INFINITY), f64::INFINITY);
        assert_eq!(minus_ln_1p::<Portable>(f64::INFINITY, f64::INFINITY), f64::INFINITY);
    }
}
