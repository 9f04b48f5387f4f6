//! ψ′(x), the derivative of the digamma function: Σ 1/(x + j)² up to where x + j reaches 8, and from there on
//! 1/x + 1/2x² + U(x⁻²)/x³. Below zero, ψ′(−x) = π² / sin² πx − ψ′(1 + x).

use super::format::{Format, polynomial};
use super::gamma::{LARGE, sin_cos_pi};
use crate::kernels::dispatch::Simd;

/// The polynomial U. Its error is 0.2 units of 2⁻⁵³, and it contributes less than a hundredth of the value.
const U: [f64; 8] = [
    0.166_666_666_666_666_66,
    -0.033_333_333_333_304_696,
    0.023_809_523_770_867_89,
    -0.033_333_313_342_626_53,
    0.075_752_461_425_269_5,
    -0.252_394_514_479_512_17,
    1.109_352_884_722_332_2,
    -4.575_179_615_504_013,
];

#[inline(always)]
pub(super) fn trigamma<S: Simd, T: Format>(x: T) -> T {
    T::of_double(trigamma_double::<S>(x.to_double()))
}

#[inline(always)]
fn trigamma_double<S: Simd>(x: f64) -> f64 {
    let negative = x < 0.0;
    let mut at = if negative { 1.0 - x } else { x };
    let mut sum = 0.0;
    for _ in 0..8 {
        let before = at < LARGE;
        sum = if before { sum + 1.0 / (at * at) } else { sum };
        at = if before { at + 1.0 } else { at };
    }
    let inverse = 1.0 / at;
    let square = inverse * inverse;
    let positive = sum + (inverse + (0.5 * square + inverse * square * polynomial::<S, f64>(square, &U)));
    let (sin, _) = sin_cos_pi::<S>(x.magnitude());
    let ratio = std::f64::consts::PI / sin;
    let reflected = ratio * ratio - positive;
    if negative { reflected } else { positive }
}

#[cfg(test)]
mod tests {
    use super::super::Math;
    use super::super::ulp::check;
    use crate::kernels::dispatch::Portable;

    check!(trigamma, ulps 2.0, 4.0, |x: f64| Math::trigamma::<Portable>(x), table only, where |x: f64| x > 0.0);

    #[test]
    fn negative_arguments_are_accurate() {
        super::super::ulp::check_f64_below_zero::<Subject>(4.0);
    }
}
