//! ln Φ(x) of the standard normal distribution function Φ, its derivative φ(x)/Φ(x), the inverse Mills ratio, and the
//! derivative of that, all accurate where Φ underflows.
//!
//! Below zero, with t = −x, the inverse Mills ratio is h(t) = t + d(t), where d decreases from √(2/π) to 1/t. (t + a) d(t)
//! with a = √(π/2) changes little from zero to infinity and is one polynomial in (t − c)/(t + c), as in
//! [`erfc`](super::erfc). Then ln Φ(x) = −t²/2 − ln(√(2π) h(t)), and the derivative of the ratio is −h(t) d(t), both
//! without cancellation. From zero on, ln Φ(x) = ln(1 − Φ(−x)).
//!
//! All in double precision for both formats.

use super::erfc::at_most;
use super::exact::two_product;
use super::exp::reduced_sum;
use super::format::{Format, mul_add, polynomial};
use super::ln::ln_normal;
use super::ln_1p::ln_1p;
use super::normal_cdf::normal_cdf;
use crate::kernels::dispatch::Simd;

/// (t + a) d(t) as a polynomial. Its error is 0.7 units of 2⁻⁵³.
const EXCESS: [f64; 31] = [
    1.185_185_201_625_919_2,
    -0.156_639_498_338_807_58,
    -0.141_942_444_553_872_62,
    0.182_342_710_129_391_8,
    -0.067_585_767_138_134_44,
    -0.025_325_412_859_231_355,
    0.032_359_383_850_075_79,
    -0.002_790_097_987_202_582_3,
    -0.010_089_035_702_261_327,
    0.003_686_880_539_881_49,
    0.002_488_115_412_144_500_3,
    -0.001_760_593_788_934_887_7,
    -0.000_462_835_280_066_995_35,
    0.000_641_231_010_902_723_2,
    3.850_051_181_608_681e-5,
    -0.000_198_004_913_334_534_63,
    1.731_670_762_553_287_5e-5,
    5.273_993_575_674_891e-5,
    -1.213_922_943_204_441e-5,
    -1.171_397_285_534_546_1e-5,
    4.976_127_582_905_009e-6,
    1.900_477_051_592_744_7e-6,
    -1.644_094_971_810_520_7e-6,
    -9.880_871_495_766_664e-8,
    4.622_163_190_450_589e-7,
    -5.934_157_070_105_671_7e-8,
    -1.066_509_692_446_166_4e-7,
    2.033_574_718_804_721_3e-8,
    1.774_416_370_298_561_3e-8,
    -2.418_079_592_050_440_6e-9,
    -1.545_938_245_637_509e-9,
];

/// c.
const CENTER: f64 = 4.0;

/// a = √(π/2).
const SHIFT: f64 = 1.253_314_137_315_500_3;

/// √(2π).
const ROOT_TAU: f64 = 2.506_628_274_631_000_7;

/// 1/√(2π).
const ROOT_TAU_INVERSE: f64 = 0.398_942_280_401_432_7;

/// φ(x) rounds to zero from this x on.
const DENSITY_LIMIT: f64 = 38.8;

/// Larger arguments give the same results as this, up to infinity; its square overflows.
const LARGE: f64 = 1e160;

#[inline(always)]
pub(super) fn ln_normal_cdf<S: Simd, T: Format>(x: T) -> T {
    let x = x.to_double();
    let t = tail_of(x);
    let below = -0.5 * t * t - ln_normal::<S, f64>(ROOT_TAU * (t + excess::<S>(t)));
    let above = ln_1p::<S, f64>(-normal_cdf::<S, f64>(-x));
    T::of_double(if x < 0.0 { below } else { above })
}

#[inline(always)]
pub(super) fn inverse_mills<S: Simd, T: Format>(x: T) -> T {
    let x = x.to_double();
    T::of_double(ratio::<S>(x, excess::<S>(tail_of(x))))
}

/// The derivative −h (x + h) of the ratio h.
#[inline(always)]
pub(super) fn inverse_mills_slope<S: Simd, T: Format>(x: T) -> T {
    let x = x.to_double();
    let d = excess::<S>(tail_of(x));
    let h = ratio::<S>(x, d);
    // h, which is zero for large x, times infinity would be NaN.
    let sum = if x < 0.0 { d } else { at_most(x, LARGE) + h };
    let slope = -(h * sum);
    T::of_double(if x < -LARGE { -1.0 } else { slope })
}

/// −x below zero, and 0 elsewhere; NaN if x is NaN.
#[inline(always)]
fn tail_of(x: f64) -> f64 {
    let t = if x > 0.0 { 0.0 } else { -x };
    at_most(t, LARGE)
}

/// d(t).
#[inline(always)]
fn excess<S: Simd>(t: f64) -> f64 {
    polynomial::<S, f64>((t - CENTER) / (t + CENTER), &EXCESS) / (t + SHIFT)
}

/// φ(x)/Φ(x), given d(−x) for negative x.
#[inline(always)]
fn ratio<S: Simd>(x: f64, d: f64) -> f64 {
    let size = at_most(x.magnitude(), DENSITY_LIMIT);
    let (square, error) = two_product::<S, f64>(size, size);
    let (rounded, e) = reduced_sum::<S, f64>(-0.5 * square, -0.5 * error);
    let (a, b, _) = f64::halved_powers(rounded);
    let scaled = ROOT_TAU_INVERSE / normal_cdf::<S, f64>(size);
    let above = mul_add::<S, f64>(scaled, e, scaled) * a * b;
    let below = if x < -LARGE { -x } else { d - x };
    if x < 0.0 { below } else { above }
}

#[cfg(test)]
mod value_tests {
    use super::super::Math;
    use super::super::ulp::check;
    use crate::kernels::dispatch::Portable;

    check!(ln_normal_cdf, ulps 2.0, 4.0, |x: f64| Math::ln_normal_cdf::<Portable>(x), table only);
}

#[cfg(test)]
mod slope_tests {
    use super::super::Math;
    use super::super::ulp::check;
    use crate::kernels::dispatch::Portable;

    check!(inverse_mills, ulps 2.0, 4.0, |x: f64| Math::inverse_mills::<Portable>(x), table only);
}

#[cfg(test)]
mod curvature_tests {
    use super::super::Math;
    use super::super::ulp::check;
    use crate::kernels::dispatch::Portable;

    check!(inverse_mills_slope, ulps 2.0, 4.0, |x: f64| Math::inverse_mills_slope::<Portable>(x), table only);
}

#[cfg(test)]
mod tests {
    use super::super::Math;
    use crate::kernels::dispatch::Portable;

    #[test]
    fn limits_are_exact() {
        let all = |x: f64| {
            [x.ln_normal_cdf::<Portable>(), x.inverse_mills::<Portable>(), x.inverse_mills_slope::<Portable>()]
        };
        let infinity = f64::INFINITY;
        assert_eq!(all(-infinity), [-infinity, infinity, -1.0]);
        assert_eq!(all(infinity), [0.0, 0.0, 0.0]);
        assert_eq!(all(-1e300), [-infinity, 1e300, -1.0]);
        assert_eq!(all(1e300), [0.0, 0.0, 0.0]);
        assert!(all(f64::NAN).iter().all(|x| x.is_nan()));
        assert_eq!(all(-1e100)[0], -5e199);
    }

    #[test]
    fn the_tail_in_single_precision_is_that_of_the_logarithm() {
        assert_eq!((-14f32).ln_normal_cdf::<Portable>(), -101.563_034);
        assert_eq!((-14f32).inverse_mills::<Portable>(), 14.070_718);
    }
}
