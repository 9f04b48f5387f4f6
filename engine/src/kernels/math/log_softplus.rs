//! ln softplus(x) = ln ln(1 + eˣ), in three pieces, each with a small relative error.
//!
//! - x ≤ −7/16: x + t H(t − 5/16) with t = eˣ, where t H = ln(ln(1 + t) / t). It approaches x where softplus
//!   underflows.
//! - −7/16 < x < 3/2: d (½ + Q(d)) with d = x − ln(e − 1). Near d = 0 softplus is one, and its plain logarithm would
//!   lose all digits. d/2 is exact, so the rounding error of Q matters little.
//! - x ≥ 3/2: the logarithm of softplus.

use super::exp::exp;
use super::format::{Format, mul_add, polynomial};
use super::ln::ln_normal;
use super::ln_1p::ln_1p_unit;
use crate::kernels::dispatch::Simd;

/// The constants of the first two pieces.
#[derive(Clone, Copy)]
pub struct Pieces<T: 'static> {
    /// The polynomial H.
    tail: &'static [T],
    /// The polynomial Q.
    root: &'static [T],
    /// ln(e − 1), rounded.
    zero: T,
    /// ln(e − 1) − `zero`.
    zero_low: T,
    /// The start of the second piece.
    begin: T,
    /// The end of the second piece.
    end: T,
    /// The centre of the first piece, 5/16.
    center: T,
}

/// The errors of H and Q are at most 0.5 units of 2⁻²⁴ of the result.
pub(super) const F32: Pieces<f32> = Pieces {
    tail: &[-0.444_947_6, 0.149_603_37, -0.070_420_8, 0.038_018_372, -0.022_238_322, 0.014_662_948, -0.008_863_841],
    root: &[
        0.132_120_56,
        -0.083_516_11,
        0.000_454_219_06,
        0.002_428_440_6,
        -0.000_200_778_01,
        -0.000_117_346_535,
        2.261_069_1e-5,
        5.293_211e-6,
        -1.782_557_7e-6,
    ],
    zero: 0.541_324_85,
    zero_low: 7.158_234e-10,
    begin: -0.437_5,
    end: 1.5,
    center: 0.312_5,
};

/// The errors of H and Q are at most 0.7 units of 2⁻⁵³ of the result.
pub(super) const F64: Pieces<f64> = Pieces {
    tail: &[
        -0.444_947_602_090_520_26,
        0.149_602_657_003_498_42,
        -0.070_422_184_306_522_5,
        0.038_073_359_372_677_87,
        -0.022_215_571_470_236_75,
        0.013_606_261_146_991_679,
        -0.008_617_779_966_650_882,
        0.005_594_356_305_802_861,
        -0.003_700_735_908_580_703_4,
        0.002_485_021_055_852_681_4,
        -0.001_690_077_026_022_691,
        0.001_158_132_376_524_172_2,
        -0.000_787_405_083_240_515,
        0.000_562_680_988_219_811_5,
        -0.000_481_128_624_842_778,
        0.000_301_441_895_328_473_96,
    ],
    root: &[
        0.132_120_558_828_557_67,
        -0.083_516_121_479_449_22,
        0.000_454_226_376_619_908_45,
        0.002_428_527_907_752_626,
        -0.000_200_858_486_595_171_35,
        -0.000_117_676_343_955_970_7,
        2.288_672_610_213_632_4e-5,
        5.755_121_162_872_289_4e-6,
        -2.155_230_690_426_468e-6,
        -2.157_166_907_690_389e-7,
        1.841_789_491_610_866_9e-7,
        -1.294_020_253_797_049_9e-9,
        -1.448_558_437_971_897_7e-8,
        1.543_699_459_472_270_2e-9,
        1.032_392_934_331_921_5e-9,
        -2.301_986_415_346_020_5e-10,
        -6.288_856_179_605_668e-11,
        2.443_644_326_002_811_3e-11,
        2.618_178_159_940_439_2e-12,
        -1.669_764_201_514_081_8e-12,
    ],
    zero: 0.541_324_854_612_918_1,
    zero_low: -1.813_857_092_550_732_6e-17,
    begin: -0.437_5,
    end: 1.5,
    center: 0.312_5,
};

#[inline(always)]
pub(super) fn log_softplus<S: Simd, T: Format>(x: T) -> T {
    let Pieces { tail, root, zero, zero_low, begin, end, center } = T::LOG_SOFTPLUS;
    let t = exp::<S, T>(-x.magnitude());
    let negative = mul_add::<S, T>(t, polynomial::<S, T>(t - center, tail), x);
    let d = (x - zero) - zero_low;
    let middle = mul_add::<S, T>(d, polynomial::<S, T>(d, root), T::HALF * d);
    let large = ln_normal::<S, T>(x + ln_1p_unit::<S, T>(t));
    let positive = if x < end { middle } else { large };
    let result = if x > begin { positive } else { negative };
    if x == T::INFINITY { x } else { result }
}

#[cfg(test)]
mod tests {
    use super::super::Math;
    use super::super::ulp::check;
    use crate::kernels::dispatch::Portable;

    check!(log_softplus, ulps 2.0, 4.0, |x: f64| match x {
        ..-30.0 => x - 0.5 * x.exp(),
        ..-0.35 => x.exp().ln_1p().ln(),
        // softplus(d + ln(e − 1)) = 1 + ln(1 + (1 − 1/e) (eᵈ − 1))
        ..2.0 => {
            let d = (x - super::F64.zero) - super::F64.zero_low;
            (-(-1.0f64).exp_m1() * d.exp_m1()).ln_1p().ln_1p()
        }
        _ => (x + (-x).exp().ln_1p()).ln(),
    });

    #[test]
    fn it_is_finite_where_softplus_is_zero() {
        assert_eq!((-1e4f32).log_softplus::<Portable>(), -1e4);
        assert_eq!((-1e4f64).log_softplus::<Portable>(), -1e4);
        assert_eq!((-1e4f64).softplus::<Portable>(), 0.0);
    }
}
