//! ψ(x), the derivative of ln Γ(x).
//!
//! In [¾, 9/4) it is (x − x₀) Y(x − 3/2) with its zero x₀. Below, ψ(x) = ψ(1 + x) − 1/x; above and up to 8,
//! ψ(x) = ψ(x − m) + Σ 1/(x − j). From 8 on, ψ(x) = ln x − 1/2x − V(x⁻²)/x². Below zero, ψ(−x) = ψ(1 + x) + π cot πx.

use super::format::{Format, polynomial};
use super::gamma::{CENTER, LARGE, LOW, sin_cos_pi};
use super::ln::ln;
use crate::kernels::dispatch::Simd;

/// The polynomial Y. Its error is 0.08 units of 2⁻⁵³.
const Y: [f64; 30] = [
    0.951_055_876_031_832_8,
    -0.423_627_421_281_460_5,
    0.240_542_484_240_781_84,
    -0.148_404_923_053_913_95,
    0.094_988_724_453_585_01,
    -0.061_922_133_272_160_4,
    0.040_760_833_903_392_26,
    -0.026_975_796_816_785_83,
    0.017_907_249_388_430_7,
    -0.011_908_215_967_558_311,
    0.007_927_003_078_359_435,
    -0.005_280_003_827_832_537,
    0.003_518_322_900_333_795,
    -0.002_344_811_965_812_465_6,
    0.001_561_644_627_338_685_2,
    -0.001_040_979_324_448_714,
    0.000_700_561_354_143_926,
    -0.000_467_022_229_098_933_8,
    0.000_286_565_124_470_973_04,
    -0.000_191_040_433_607_503_08,
    0.000_194_122_727_131_831_55,
    -0.000_129_414_674_236_849_68,
    -4.217_709_498_040_537_6e-5,
    2.811_813_895_918_484e-5,
    0.000_153_353_078_772_328_92,
    -0.000_102_235_372_840_294_26,
    -8.434_886_868_085_892e-5,
    5.623_258_039_668_368e-5,
    4.284_387_459_229_77e-5,
    -2.856_258_243_336_955e-5,
];

/// x₀ − 1: the rounded value and the remainder.
const ZERO: (f64, f64) = (0.461_632_144_968_362_36, -1.552_234_816_285_867_7e-17);

/// The polynomial V. Its error is 0.03 units of 2⁻⁵³.
pub(super) const V: [f64; 8] = [
    0.083_333_333_333_333_33,
    -0.008_333_333_333_331_661,
    0.003_968_253_965_997_157,
    -0.004_166_665_500_744_577,
    0.007_575_459_799_959_948,
    -0.021_051_050_846_812_38,
    0.080_022_946_336_690_73,
    -0.299_418_074_660_896_76,
];

#[inline(always)]
pub(super) fn digamma<S: Simd, T: Format>(x: T) -> T {
    T::of_double(digamma_double::<S>(x.to_double()))
}

#[inline(always)]
fn digamma_double<S: Simd>(x: f64) -> f64 {
    let size = x.magnitude();
    let low = size < LOW;
    // 1 + d is the argument of Y after the shift by an integer; d is exact. Σ 1/(x − j) as one quotient.
    let (mut d, mut numerator, mut denominator) = (if low { size } else { size - 1.0 }, 0.0, 1.0);
    for j in 1..=6 {
        let term = size - j as f64;
        let beyond = term >= 1.25;
        numerator = if beyond { numerator * term + denominator } else { numerator };
        denominator = if beyond { denominator * term } else { denominator };
        d = if beyond { term - 1.0 } else { d };
    }
    let near = ((d - ZERO.0) - ZERO.1) * polynomial::<S, f64>(d + (1.0 - CENTER), &Y);
    let moved = near + numerator / denominator;

    let inverse = 1.0 / size;
    let square = inverse * inverse;
    let series = 0.5 * inverse + square * polynomial::<S, f64>(square, &V);
    let stirling = ln::<S, f64>(size) - series;
    // ψ(x) from ¾ on, and ψ(1 + x) below.
    let found = if size >= LARGE { stirling } else { moved };
    let positive = if low { found - inverse } else { found };

    let one_up = if low { found } else { found + inverse };
    let (sin, cos) = sin_cos_pi::<S>(size);
    // cot πx; the omitted signs of its two functions cancel.
    let reflected = one_up + std::f64::consts::PI * (cos / sin);
    let reflected = if sin == 0.0 || size == f64::INFINITY { f64::NAN } else { reflected };
    let value = if x < 0.0 { reflected } else { positive };
    if size == 0.0 { -f64::INFINITY.with_sign_of(x) } else { value }
}

#[cfg(test)]
mod tests {
    use super::super::Math;
    use super::super::ulp::check;
    use crate::kernels::dispatch::Portable;

    check!(digamma, ulps 2.0, 4.0, |x: f64| Math::digamma::<Portable>(x), table only, where |x: f64| x > 0.0);

    #[test]
    fn negative_arguments_are_accurate() {
        super::super::ulp::check_f64_below_zero::<Subject>(4.0);
    }
}
