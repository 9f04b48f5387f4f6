//! A random point on the unit circle from the bits of an integer.

use crate::kernels::dispatch::Portable;
use crate::kernels::math::{Format, polynomial};

/// A format with the coefficients of sin a = a + a³ S(a²) and cos a = 1 − a²/2 + a⁴ C(a²) for |a| ≤ π/4, where S and C
/// interpolate at Chebyshev nodes. Their errors are 0.2 and 0.01 units of the last place of one.
pub(super) trait Circle: Format {
    /// The polynomial S.
    const SIN: &'static [Self];
    /// The polynomial C.
    const COS: &'static [Self];
}

impl Circle for f32 {
    const SIN: &'static [f32] = &[-0.166_666_64, 0.008_332_748, -0.000_195_878_9];
    const COS: &'static [f32] = &[0.041_666_664, -0.001_388_830_2, 2.454_794_2e-5];
}

impl Circle for f64 {
    const SIN: &'static [f64] = &[
        -0.166_666_666_666_666_66,
        0.008_333_333_333_330_948,
        -0.000_198_412_698_367_585_74,
        2.755_731_610_255_244e-6,
        -2.505_113_184_500_362_4e-8,
        1.591_812_929_486_660_8e-10,
    ];
    const COS: &'static [f64] = &[
        0.041_666_666_666_666_664,
        -0.001_388_888_888_888_738_7,
        2.480_158_729_876_569e-5,
        -2.755_731_727_172_979_3e-7,
        2.087_614_626_840_32e-9,
        -1.138_263_242_552_171_7e-11,
    ];
}

/// (cos, sin) of the angle `a` in [−π/4, π/4], without fused arithmetic (see [`normal`](super::normal)).
#[inline(always)]
pub(super) fn cos_sin<T: Circle>(a: T) -> (T, T) {
    let z = a * a;
    let sin = a + a * (z * polynomial::<Portable, T>(z, T::SIN));
    let cos = T::ONE - (T::HALF * z - z * z * polynomial::<Portable, T>(z, T::COS));
    (cos, sin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cos_and_sin_are_accurate_to_the_last_places() {
        for i in -1000..=1000 {
            let a = std::f64::consts::FRAC_PI_4 * f64::from(i) / 1000.0;
            let (cos, sin) = cos_sin(a);
            assert!((cos - a.cos()).abs() <= 2e-16 && (sin - a.sin()).abs() <= 2e-16, "{a}");
            let a = a as f32;
            let (cos, sin) = cos_sin(a);
            assert!((f64::from(cos) - f64::from(a).cos()).abs() <= 1e-7, "{a}");
            assert!((f64::from(sin) - f64::from(a).sin()).abs() <= 1e-7, "{a}");
        }
    }
}
