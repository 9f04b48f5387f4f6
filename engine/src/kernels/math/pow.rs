//! xʸ = e^(y ln x), computed in double precision for both formats. The logarithm and its product with y are sums of two
//! numbers, because a relative error of the exponent is multiplied by the exponent, up to 745.
//!
//! The crate `libm` is not used: its `pow` is wrong by hundreds of ULP for a base near one with an exponent larger than
//! 2³¹ (0.999999864926243^−3295192572.394827), and it does not vectorise.

use super::exact::two_product;
use super::format::{Format, mul_add, polynomial};
use super::ln_pair::ln_pair;
use crate::kernels::dispatch::Simd;

/// As C's `pow`: x⁰ and 1ʸ are 1 for every other operand, even NaN; negative x give NaN unless y is an integer.
#[inline(always)]
pub(super) fn pow<S: Simd, T: Format>(x: T, y: T) -> T {
    T::of_double(pow_double::<S>(x.to_double(), y.to_double()))
}

/// Any base other than ±1 to this power overflows or is zero.
const LIMIT: f64 = 1.8e19;

#[inline(always)]
fn pow_double<S: Simd>(x: f64, y: f64) -> f64 {
    let size = x.magnitude();
    let (high, low) = ln_pair::<S>(size);
    let bounded = if y > LIMIT { LIMIT } else { y };
    let bounded = if bounded < -LIMIT { -LIMIT } else { bounded };
    let (exponent, error) = two_product::<S, f64>(bounded, high);
    let error = mul_add::<S, f64>(bounded, low, error);
    let power = exp_of_sum::<S>(exponent, error);

    let overflows = (size < 1.0) == (y < 0.0);
    let of_ends = if overflows { f64::INFINITY } else { 0.0 };
    let power = if size == 0.0 || size == f64::INFINITY { of_ends } else { power };
    let integer = is_integer(y);
    let odd = integer && !is_integer(0.5 * y);
    let below_zero = if odd { -power } else { power };
    let below_zero = if integer || size == 0.0 || size == f64::INFINITY { below_zero } else { f64::NAN };
    let negative = x.is_sign_negative();
    let power = if negative { below_zero } else { power };
    let power = if x.is_nan() || y.is_nan() { f64::NAN } else { power };
    if x == 1.0 || y == 0.0 { 1.0 } else { power }
}

/// e^(x + error), where the error is small compared to x.
#[inline(always)]
fn exp_of_sum<S: Simd>(x: f64, error: f64) -> f64 {
    let beyond = x.magnitude() > f64::EXP_LIMIT;
    let limit = f64::EXP_LIMIT.with_sign_of(x);
    let (x, error) = (if beyond { limit } else { x }, if beyond { 0.0 } else { error });
    let rounded = mul_add::<S, f64>(x, f64::LOG2_E, f64::ROUND);
    let n = rounded - f64::ROUND;
    let r = mul_add::<S, f64>(n, -f64::LN_2_HIGH, x);
    let r = mul_add::<S, f64>(n, -f64::LN_2_LOW, r) + error;
    let q = mul_add::<S, f64>(r * r, polynomial::<S, f64>(r, f64::EXP), r);
    let (a, b, _) = f64::halved_powers(rounded);
    (1.0 + q) * a * b
}

/// Whether a finite number is an integer; infinity counts as an even integer.
#[inline(always)]
fn is_integer(x: f64) -> bool {
    // From here on all numbers are integers, and the sum would round below the unit.
    let whole = 0.5 * f64::LIFT;
    let size = x.magnitude();
    (size + whole) - whole == size || size >= whole
}

#[cfg(test)]
mod tests {
    use super::super::Math;
    use crate::kernels::dispatch::{Kernel, Level, Simd, dispatch, with_level};

    struct Pow<T>(T, T);

    impl<T: Math> Kernel for Pow<T> {
        type Output = T;

        #[inline(always)]
        fn run<S: Simd>(self) -> T {
            self.0.pow::<S>(self.1)
        }
    }

    fn levels() -> impl Iterator<Item = Level> {
        Level::ALL.into_iter().filter(|level| level.is_supported())
    }

    #[test]
    fn f64_matches_the_table() {
        let (mut worst, mut lines) = (0, 0);
        for line in include_str!("pow.txt").lines().filter(|line| !line.starts_with('#')) {
            let [x, y, want] = [0, 1, 2].map(|column| {
                let bits = line.split(' ').nth(column).expect("three columns");
                f64::from_bits(u64::from_str_radix(bits, 16).expect("sixteen hexadecimal digits"))
            });
            lines += 1;
            for level in levels() {
                let got = with_level(level, || dispatch(Pow(x, y)));
                let error = if got.is_nan() && want.is_nan() { 0 } else { got.to_bits().abs_diff(want.to_bits()) };
                assert!(error <= 1, "{x:e}^{y:e} is {got:e} at {level:?}; expected {want:e}");
                worst = worst.max(error);
            }
        }
        assert!(lines > 100, "the table has {lines} lines");
        println!("pow f64: at most {worst} ULP");
    }

    #[test]
    fn f32_is_the_double_power_rounded() {
        let mut state = 1u64;
        for _ in 0..300_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (x, y) = (f32::from_bits((state >> 32) as u32), ((state >> 11) as i32 as f32) * 1e-8);
            let want = f64::from(x).powf(f64::from(y)) as f32;
            for level in levels() {
                let got = with_level(level, || dispatch(Pow(x, y)));
                let error = got.to_bits().abs_diff(want.to_bits());
                assert!(error <= 1 || got.is_nan() && want.is_nan(), "{x:e}^{y:e} is {got:e}; expected {want:e}");
            }
        }
    }

    #[test]
    fn special_operands_follow_the_c_standard() {
        let numbers =
            [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 1.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        for x in numbers {
            for y in numbers {
                for level in levels() {
                    let (got, want) = (with_level(level, || dispatch(Pow(x, y))), x.powf(y));
                    let close = (got - want).abs() <= 1e-15 * want.abs();
                    let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
                    assert!(
                        same || close && got.is_sign_negative() == want.is_sign_negative(),
                        "{x}^{y}: {got}, {want}"
                    );
                }
            }
        }
    }
}
