//! ln |Γ(x)|.
//!
//! In [¾, 9/4) it is (x − 1)(x − 2) H(x − 3/2), which is right next to both zeros. Below, ln Γ(x) = ln Γ(1 + x) − ln x; above
//! and up to 8, ln Γ(x) = ln Γ(x − m) + ln (x − 1)…(x − m). From 8 on, ln Γ(x) = (x − ½)(ln x − 1) + ½ ln 2π − ½ + W(x⁻²)/x.
//! Below zero, ln |Γ(x)| = ln (π / |x sin πx|) − ln Γ(−x).

use super::exact::two_sum;
use super::format::{Format, mul_add, polynomial};
use super::gamma::{CENTER, LARGE, LOW, sin_cos_pi};
use super::ln::ln;
use super::ln_pair::ln_pair;
use crate::kernels::dispatch::Simd;

/// H. Its error is 0.08 units of 2⁻⁵³.
const H: [f64; 28] = [
    0.483_128_950_540_980_9,
    -0.145_959_895_914_306_08,
    0.062_911_401_074_566_9,
    -0.031_308_487_501_012_27,
    0.016_797_098_630_960_485,
    -0.009_425_622_448_323_203,
    0.005_446_457_854_796_472,
    -0.003_212_074_083_829_607_4,
    0.001_922_915_899_036_881_5,
    -0.001_164_414_317_864_566,
    0.000_711_525_649_202_64,
    -0.000_437_997_317_021_582,
    0.000_271_246_350_559_564_66,
    -0.000_168_874_412_836_535_83,
    0.000_105_811_861_327_364_7,
    -6.643_543_182_433_097e-5,
    4.097_992_923_565_808e-5,
    -2.588_360_371_968_019e-5,
    1.908_101_021_747_105e-5,
    -1.214_943_864_968_104_3e-5,
    1.969_070_326_112_464_4e-6,
    -1.210_633_406_455_607e-6,
    9.291_555_092_510_209e-6,
    -5.995_206_585_154_059e-6,
    -4.383_791_759_767_838_5e-6,
    2.842_983_219_861_469e-6,
    2.851_858_796_520_761e-6,
    -1.843_559_234_266_898e-6,
];

/// W. Its error is 0.07 units of 2⁻⁵³.
const W: [f64; 7] = [
    0.083_333_333_333_333_33,
    -0.002_777_777_777_773_982,
    0.000_793_650_789_749_218_7,
    -0.000_595_236_583_808_473_9,
    0.000_841_470_011_057_356_3,
    -0.001_890_379_202_614_553_6,
    0.005_065_830_821_990_134,
];

/// ½ ln 2π − ½.
const STIRLING: f64 = 0.418_938_533_204_672_7;

/// Below this, ln |Γ(x)| is −ln |x|.
const TINY: f64 = 1e-20;

#[inline(always)]
pub(super) fn ln_gamma<S: Simd, T: Format>(x: T) -> T {
    T::of_double(ln_gamma_double::<S>(x.to_double()))
}

#[inline(always)]
fn ln_gamma_double<S: Simd>(x: f64) -> f64 {
    let size = x.magnitude();
    let large = size >= LARGE;
    // 1 + d is the argument of H, up to the integer that it is moved by; d is exact.
    let (mut d, mut product) = (if size < LOW { size } else { size - 1.0 }, 1.0);
    for m in 1..=6 {
        let factor = size - m as f64;
        let beyond = factor >= 1.25;
        product = if beyond { product * factor } else { product };
        d = if beyond { factor - 1.0 } else { d };
    }
    let near = d * (d - 1.0) * polynomial::<S, f64>(d + (1.0 - CENTER), &H);
    let argument = if size < LOW { size } else { product };
    let (ln_high, ln_low) = ln_pair::<S>(if large { size } else { argument });
    let below = near - ln_high;
    let above = ln_high + (near + ln_low);
    let moved = if size < LOW { below } else { above };

    let inverse = 1.0 / size;
    let series = inverse * polynomial::<S, f64>(inverse * inverse, &W);
    let (high, low) = two_sum(ln_high, -1.0);
    let main = size - 0.5;
    let stirling = mul_add::<S, f64>(main, high, mul_add::<S, f64>(main, low + ln_low, STIRLING + series));
    let of_size = if large { stirling } else { moved };
    let of_size = if size < TINY { -ln_high } else { of_size };
    let of_size = if size == 0.0 || size == f64::INFINITY { f64::INFINITY } else { of_size };

    let (sin, _) = sin_cos_pi::<S>(size);
    let reflected = ln::<S, f64>(std::f64::consts::PI / (size * sin.magnitude())) - of_size;
    let reflected = if sin == 0.0 || size == f64::INFINITY { f64::INFINITY } else { reflected };
    let reflected = if size < TINY { of_size } else { reflected };
    let value = if x < 0.0 { reflected } else { of_size };
    if x.is_nan() { x } else { value }
}

#[cfg(test)]
mod tests {
    use super::super::Math;
    use super::super::ulp::check;
    use crate::kernels::dispatch::Portable;

    check!(ln_gamma, ulps 2.0, 4.0, |x: f64| Math::ln_gamma::<Portable>(x), table only, where |x: f64| x > 0.0);

    #[test]
    fn it_is_right_below_zero() {
        super::super::ulp::check_f64_below_zero::<Subject>(4.0);
    }
}
