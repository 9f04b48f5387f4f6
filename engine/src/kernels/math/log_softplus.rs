//! ln softplus(x) = ln ln(1 + eˣ), in three pieces, each with a small relative error.
//!
//! - x ≤ 0: x + t H(t − ½) with t = eˣ, where t H = ln(ln(1 + t) / t). It tends to x where softplus underflows.
//! - 0 < x < 3/2: d Q(d) with d = x − ln(e − 1). There softplus is one and the result zero, so that ln softplus(x)
//!   itself would lose every digit.
//! - x ≥ 3/2: the logarithm of softplus.

use super::exp::exp;
use super::format::{Format, mul_add, polynomial};
use super::ln::ln_scaled;
use super::ln_1p::ln_1p_unit;
use crate::kernels::dispatch::Simd;

/// The constants of the first two pieces.
#[derive(Clone, Copy)]
pub struct Pieces<T: 'static> {
    /// H.
    tail: &'static [T],
    /// Q.
    root: &'static [T],
    /// ln(e − 1), rounded.
    zero: T,
    /// ln(e − 1) − `zero`.
    zero_low: T,
    /// Where the second piece ends.
    end: T,
}

/// The errors of H and Q are 0.7 and 0.3 units of 2⁻²⁴ of the result.
pub(super) const F32: Pieces<f32> = Pieces {
    tail: &[
        -0.419_146_54,
        0.126_697_58,
        -0.052_931_46,
        0.025_267_413,
        -0.012_978_015_5,
        0.006_887_025,
        -0.003_825_135,
        0.002_699_662,
        -0.001_574_096,
    ],
    root: &[
        0.632_120_55,
        -0.083_516_12,
        0.000_454_225_78,
        0.002_428_520_5,
        -0.000_200_853_25,
        -0.000_117_615_78,
        2.285_701e-5,
        5.563_917e-6,
        -2.037_848e-6,
    ],
    zero: 0.541_324_85,
    zero_low: 7.158_234e-10,
    end: 1.5,
};

/// The errors of H and Q are 0.3 and 0.3 units of 2⁻⁵³ of the result.
pub(super) const F64: Pieces<f64> = Pieces {
    tail: &[
        -0.419_146_550_315_869_34,
        0.126_697_717_133_647_6,
        -0.052_931_536_892_373_69,
        0.025_260_643_884_579_11,
        -0.012_973_969_984_102_765,
        0.006_982_718_865_244_679_5,
        -0.003_882_308_591_053_277_6,
        0.002_210_758_924_100_422_7,
        -0.001_282_213_283_385_312_3,
        0.000_754_551_177_831_588_8,
        -0.000_449_324_483_604_430_2,
        0.000_270_177_793_975_031_4,
        -0.000_163_586_357_405_044_2,
        9.986_862_184_355_149e-5,
        -6.252_743_321_136_823e-5,
        3.862_562_322_043_67e-5,
        -1.993_216_349_685_148_2e-5,
        1.238_303_102_439_186_5e-5,
        -1.532_510_768_442_675e-5,
        9.640_956_713_124_61e-6,
    ],
    root: &[
        0.632_120_558_828_557_7,
        -0.083_516_121_479_449_22,
        0.000_454_226_376_619_927_75,
        0.002_428_527_907_752_556,
        -0.000_200_858_486_595_840_6,
        -0.000_117_676_343_953_927_94,
        2.288_672_611_124_061_7e-5,
        5.755_121_136_300_846e-6,
        -2.155_230_753_315_534_4e-6,
        -2.157_164_992_614_334e-7,
        1.841_791_847_431_827_4e-7,
        -1.294_864_769_748_679_5e-9,
        -1.448_597_958_343_624_1e-8,
        1.546_001_183_247_888_4e-9,
        1.032_122_482_000_979e-9,
        -2.336_953_006_661_383e-10,
        -6.073_532_349_686_513e-11,
        2.638_199_225_367_148_5e-11,
        1.572_901_649_937_820_5e-13,
        -9.506_057_685_914_125e-13,
    ],
    zero: 0.541_324_854_612_918_1,
    zero_low: -1.813_857_092_550_732_6e-17,
    end: 1.5,
};

#[inline(always)]
pub(super) fn log_softplus<S: Simd, T: Format>(x: T) -> T {
    let Pieces { tail, root, zero, zero_low, end } = T::LOG_SOFTPLUS;
    let t = exp::<S, T>(-x.magnitude());
    let negative = mul_add::<S, T>(t, polynomial::<S, T>(t - T::HALF, tail), x);
    let d = (x - zero) - zero_low;
    let middle = d * polynomial::<S, T>(d, root);
    let large = ln_scaled::<S, T>(x + ln_1p_unit::<S, T>(t), T::ZERO);
    let positive = if x < end { middle } else { large };
    let result = if x > T::ZERO { positive } else { negative };
    if x == T::INFINITY { x } else { result }
}

#[cfg(test)]
mod tests {
    use super::super::{Math, ulp::check};
    use crate::kernels::dispatch::Portable;

    check!(log_softplus, ulps 2, 4, |x: f64| {
        if x < -30.0 { x - 0.5 * x.exp() } else { (x.max(0.0) + (-x.abs()).exp().ln_1p()).ln() }
    });

    #[test]
    fn it_is_finite_where_softplus_is_zero() {
        assert_eq!((-1e4f32).log_softplus::<Portable>(), -1e4);
        assert_eq!((-1e4f64).log_softplus::<Portable>(), -1e4);
        assert_eq!((-1e4f64).softplus::<Portable>(), 0.0);
    }
}
