//! The arc tangents `atan` and `atan2`, as calls of the crate `libm` in double precision for both formats. They are
//! rarely used, so they are scalar calls, the same at every level.

use super::format::Format;

/// The angle of the point (`x`, `y`), from −π to π, as C's `atan2`: it respects the signs of zeros, and infinite points
/// lie on the diagonals.
pub(super) fn atan2<T: Format>(y: T, x: T) -> T {
    T::of_double(libm::atan2(y.to_double(), x.to_double()))
}

/// The angle, from −π/2 to π/2, whose tangent is `x`.
pub(super) fn atan<T: Format>(x: T) -> T {
    T::of_double(libm::atan(x.to_double()))
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
    fn angles_match_the_table() {
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
                assert!(error <= 2, "atan2({y:e}, {x:e}) is {got:e} at {level:?}; expected {want:e}");
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
                    "atan2({y:e}, {x:e}) is {got:e}; expected {want:e}"
                );
            }
        }
    }

    #[test]
    fn special_operands_follow_the_c_standard() {
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
