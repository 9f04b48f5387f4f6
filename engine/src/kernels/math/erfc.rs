//! erfc(x) = 1 − erf(x) for |x| < ½, e^−x² · erfcx(x) above, and 2 − erfc(−x) below.
//!
//! (1 + 2x) erfcx(x) changes little from zero to infinity, where it is 2/√π. As a function of q = (x − c) / (x + c) it is
//! one polynomial over the whole range (M. M. Shepherd & J. G. Laframboise 1981). x² is computed with its rounding error,
//! which would otherwise be multiplied by x².

use super::erf::erf_small;
use super::exact::two_product;
use super::exp::reduced_sum;
use super::format::{Format, mul_add, polynomial};
use crate::kernels::dispatch::Simd;

/// The constants of erfcx.
#[derive(Clone, Copy)]
pub struct Pieces<T: 'static> {
    /// (1 + 2x) erfcx(x) as a polynomial in q.
    scaled: &'static [T],
    /// c.
    center: T,
    /// From this x on, erfc rounds to zero.
    pub(super) limit: T,
}

/// The error of the polynomial is 0.03 units of 2⁻²⁴.
pub(super) const F32: Pieces<f32> = Pieces {
    scaled: &[
        1.276_978_4,
        -0.092_763_81,
        -0.166_030_48,
        0.164_050_88,
        -0.054_218_438,
        -0.008_029_784,
        0.008_712_785,
        0.001_250_621,
        -0.001_430_149_9,
        -0.000_401_834_52,
        0.000_177_807_87,
        8.383_818e-5,
    ],
    center: 2.0,
    limit: 10.5,
};

/// The error of the polynomial is 0.02 units of 2⁻⁵³.
pub(super) const F64: Pieces<f64> = Pieces {
    scaled: &[
        1.232_995_118_625_552_6,
        -0.139_621_116_840_562_53,
        0.015_379_652_102_619_577,
        0.068_097_054_254_693_48,
        -0.101_039_066_036_295_6,
        0.093_732_834_998_321_4,
        -0.066_330_365_812_388_66,
        0.037_167_515_537_922_65,
        -0.016_197_734_056_192_747,
        0.005_031_969_974_293_165,
        -0.000_757_773_296_476_343_4,
        -0.000_199_256_675_879_898_77,
        0.000_150_621_696_052_177_38,
        -2.439_927_480_673_516_3e-5,
        -1.122_205_415_946_788e-5,
        5.709_853_441_764_65e-6,
        2.938_175_156_873_787e-7,
        -8.255_610_031_719_535e-7,
        7.464_016_908_895_004e-8,
        1.101_191_853_721_505_1e-7,
        -1.792_036_031_635_655_2e-8,
        -1.409_650_334_856_925_2e-8,
        1.836_821_261_785_195_7e-9,
        1.253_755_012_545_075_2e-9,
    ],
    center: 4.0,
    limit: 27.5,
};

#[inline(always)]
pub(super) fn erfc<S: Simd, T: Format>(x: T) -> T {
    let size = at_most(x.magnitude(), T::ERFC.limit);
    let tail = tail::<S, T>(size, two_product::<S, T>(size, size));
    let large = if x < T::ZERO { T::TWO - tail } else { tail };
    if size < T::HALF { T::ONE - erf_small::<S, T>(x) } else { large }
}

/// erfc(x) for x ≥ 0, given x² as a sum. Below ½ it is less accurate.
#[inline(always)]
pub(super) fn tail<S: Simd, T: Format>(x: T, (square, error): (T, T)) -> T {
    let Pieces { scaled, center, .. } = T::ERFC;
    let q = (x - center) / (x + center);
    let polynomial = polynomial::<S, T>(q, scaled);
    // e^−x² as 2ⁿ (1 + e); the power of two is applied last, so that a subnormal result is rounded only once.
    let (rounded, e) = reduced_sum::<S, T>(-square, -error);
    let (a, b, _) = T::halved_powers(rounded);
    mul_add::<S, T>(polynomial, e, polynomial) / mul_add::<S, T>(T::TWO, x, T::ONE) * a * b
}

/// The lesser of the two; NaN if x is NaN.
#[inline(always)]
pub(super) fn at_most<T: Format>(x: T, limit: T) -> T {
    // The comparison is false for NaN, which passes through.
    if limit < x { limit } else { x }
}

#[cfg(test)]
mod tests {
    use super::super::Math;
    use super::super::ulp::check;
    use crate::kernels::dispatch::Portable;

    check!(erfc, ulps 4.0, 4.0, |x: f64| Math::erfc::<Portable>(x), table only);
}
