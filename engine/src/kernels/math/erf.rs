//! erf(x) = x + x Q(x²) for |x| < 1, and ±(1 − erfc |x|) otherwise, where erfc is small compared to one.

use super::erfc::{at_most, tail};
use super::exact::two_product;
use super::format::{Format, mul_add, polynomial};
use crate::kernels::dispatch::Simd;

/// Q for `f32`. Its error is 0.02 units of 2⁻²⁴.
pub(super) const F32: [f32; 7] =
    [0.128_379_17, -0.376_126_26, 0.112_835_94, -0.026_854_211, 0.005_189_087, -0.000_801_686_43, 7.875_875e-5];

/// Q for `f64`. Its error is 0.07 units of 2⁻⁵³.
pub(super) const F64: [f64; 12] = [
    0.128_379_167_095_512_56,
    -0.376_126_389_031_835_43,
    0.112_837_916_709_450_06,
    -0.026_866_170_643_237_77,
    0.005_223_977_607_116_422_5,
    -0.000_854_832_597_538_969_2,
    0.000_120_552_949_048_397_07,
    -1.492_473_690_741_966e-5,
    1.644_742_470_331_736_2e-6,
    -1.620_848_380_187_170_5e-7,
    1.372_006_454_677_768_6e-8,
    -7.795_898_827_002_142e-10,
];

#[inline(always)]
pub(super) fn erf<S: Simd, T: Format>(x: T) -> T {
    let size = at_most(x.magnitude(), T::ERFC.limit);
    let large = (T::ONE - tail::<S, T>(size, two_product::<S, T>(size, size))).with_sign_of(x);
    if size < T::ONE { erf_small::<S, T>(x) } else { large }
}

/// erf(x) for |x| < 1.
#[inline(always)]
pub(super) fn erf_small<S: Simd, T: Format>(x: T) -> T {
    mul_add::<S, T>(x, polynomial::<S, T>(x * x, T::ERF), x)
}

#[cfg(test)]
mod tests {
    use super::super::Math;
    use super::super::ulp::check;
    use crate::kernels::dispatch::Portable;

    check!(erf, ulps 2.0, 4.0, |x: f64| Math::erf::<Portable>(x), hash 0x17e1_5973_145a_49cf);
}
