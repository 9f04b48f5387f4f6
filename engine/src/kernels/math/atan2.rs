//! The arc tangent, of a number and of the ratio of two: in double precision for both formats.
//!
//! The lesser of both sizes over the greater, y/x, lies between 0 and 1. Up to tan π/8 its arc tangent is r + r z A(z) with
//! z = r²; above, it is π/4 more than that of (y − x) / (y + x), which lies below. Then come the octants.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use super::format::{Format, mul_add, polynomial};
use crate::kernels::dispatch::Simd;

/// A. Its error is 0.04 units of 2⁻⁵³ of the arc tangent.
const A: [f64; 11] = [
    -0.333_333_333_333_333_3,
    0.199_999_999_999_954_8,
    -0.142_857_142_846_578_94,
    0.111_111_110_145_610_13,
    -0.090_909_045_498_846_11,
    0.076_921_825_351_166_4,
    -0.066_645_022_156_713_53,
    0.058_580_687_568_608_06,
    -0.050_850_304_928_076_91,
    0.039_219_552_532_467_38,
    -0.019_162_068_915_809_67,
];

/// tan π/8.
const EIGHTH: f64 = 0.414_213_562_373_095_03;

/// π less its rounded value; a half and a quarter of it belong to π/2 and π/4.
const PI_REST: f64 = 1.224_646_799_147_353_2e-16;

/// From here on two numbers are made smaller before they are added.
const LARGE: f64 = 1e300;

/// The angle of the point (`x`, `y`), from −π to π, as C's `atan2`: the signs of zeros count, and infinities are met on the
/// diagonals.
#[inline(always)]
pub(super) fn atan2<S: Simd, T: Format>(y: T, x: T) -> T {
    T::of_double(angle::<S>(y.to_double(), x.to_double()))
}

/// The angle, from −π/2 to π/2, whose tangent is `x`.
#[inline(always)]
pub(super) fn atan<S: Simd, T: Format>(x: T) -> T {
    T::of_double(angle::<S>(x.to_double(), 1.0))
}

#[inline(always)]
fn angle<S: Simd>(y: f64, x: f64) -> f64 {
    let (height, width) = (y.magnitude(), x.magnitude());
    let steep = height > width;
    let (lesser, greater) = if steep { (width, height) } else { (height, width) };
    let diagonal = lesser == greater && lesser > 0.0;
    let lesser = if diagonal { 1.0 } else { lesser };
    let greater = if diagonal || greater == 0.0 { 1.0 } else { greater };
    let scale = if greater > LARGE { 0.0625 } else { 1.0 };
    let (lesser, greater) = (lesser * scale, greater * scale);

    let beyond = lesser > EIGHTH * greater;
    let numerator = if beyond { lesser - greater } else { lesser };
    let denominator = if beyond { lesser + greater } else { greater };
    let r = numerator / denominator;
    let z = r * r;
    let near = mul_add::<S, f64>(r * z, polynomial::<S, f64>(z, &A), r);
    let octant = if beyond { FRAC_PI_4 + (near + 0.25 * PI_REST) } else { near };
    let quadrant = if steep { FRAC_PI_2 - (octant - 0.5 * PI_REST) } else { octant };
    let half = if x.is_sign_negative() { PI - (quadrant - PI_REST) } else { quadrant };
    // Comparisons with NaN took any side.
    let half = if y.is_nan() || x.is_nan() { f64::NAN } else { half };
    half.with_sign_of(y)
}

#[cfg(test)]
mod tests {
    use super::super::Math;
    use super::super::ulp::check;
    use crate::kernels::dispatch::{Kernel, Level, Simd, dispatch, with_level};

    check!(atan, ulps 1.0, 2.0, f64::atan);

    struct Angle<T>(T, T);

    impl<T: Math> Kernel for Angle<T> {
        type Output = T;

        #[inline(always)]
        fn run<S: Simd>(self) -> T {
            self.0.atan2::<S>(self.1)
        }
    }

    fn levels() -> impl Iterator<Item = Level> {
        Level::ALL.into_iter().filter(|level| level.is_supported())
    }

    #[test]
    fn angles_are_right_where_the_table_knows() {
        let (mut worst, mut lines) = (0, 0);
        for line in include_str!("atan2.txt").lines().filter(|line| !line.starts_with('#')) {
            let [y, x, want] = [0, 1, 2].map(|column| {
                let bits = line.split(' ').nth(column).expect("three columns");
                f64::from_bits(u64::from_str_radix(bits, 16).expect("sixteen hexadecimal digits"))
            });
            lines += 1;
            for level in levels() {
                let got = with_level(level, || dispatch(Angle(y, x)));
                let error = got.to_bits().abs_diff(want.to_bits());
                assert!(error <= 2, "atan2({y:e}, {x:e}) is {got:e} at {level:?}; right is {want:e}");
                worst = worst.max(error);
            }
        }
        assert!(lines > 100, "the table has {lines} lines");
        println!("atan2 f64: at most {worst} ULP");
    }

    #[test]
    fn angles_in_f32_are_rounded_from_f64() {
        let mut state = 1u64;
        for _ in 0..300_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (y, x) = (f32::from_bits((state >> 32) as u32), f32::from_bits(state as u32));
            let want = f64::from(y).atan2(f64::from(x)) as f32;
            for level in levels() {
                let got = with_level(level, || dispatch(Angle(y, x)));
                let error = got.to_bits().abs_diff(want.to_bits());
                assert!(
                    error <= 1 || got.is_nan() && want.is_nan(),
                    "atan2({y:e}, {x:e}) is {got:e}; right is {want:e}"
                );
            }
        }
    }

    #[test]
    fn special_operands_give_what_the_standard_says() {
        let numbers = [0.0, 1.0, 5e-324, 1.5e308, f64::MAX, f64::INFINITY, f64::NAN];
        let numbers = numbers.map(|x: f64| [x, -x]).concat();
        for &y in &numbers {
            for &x in &numbers {
                for level in levels() {
                    let (got, want) = (with_level(level, || dispatch(Angle(y, x))), y.atan2(x));
                    let near = got.to_bits().abs_diff(want.to_bits()) <= 1;
                    assert!(near || got.is_nan() && want.is_nan(), "atan2({y:e}, {x:e}): {got:e}, {want:e}");
                }
            }
        }
    }
}
