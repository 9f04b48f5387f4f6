//! Error-free sums and products: the rounded result and its rounding error.

use super::format::Format;
use crate::kernels::dispatch::Simd;

/// a + b (D. E. Knuth's two-sum).
#[inline(always)]
pub(super) fn two_sum<T: Format>(a: T, b: T) -> (T, T) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// a · b, if neither the product nor its error overflows or underflows.
#[inline(always)]
pub(super) fn two_product<S: Simd, T: Format>(a: T, b: T) -> (T, T) {
    let product = a * b;
    if S::FUSED {
        return (product, a.fused_mul_add(b, -product));
    }
    // Halves of the significands multiply exactly (T. J. Dekker 1971).
    let ((a_high, a_low), (b_high, b_low)) = (halves(a), halves(b));
    (product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low)
}

#[inline(always)]
fn halves<T: Format>(x: T) -> (T, T) {
    let scaled = x * T::SPLIT;
    let high = scaled - (scaled - x);
    (high, x - high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::dispatch::{Avx2, Portable};

    #[test]
    fn a_product_and_its_error_are_exact_with_and_without_fused_instructions() {
        for i in 1..1000u32 {
            let (a, b) = (f64::from(i).sin() * 1e3, f64::from(i * i).cos());
            let (product, error) = two_product::<Portable, f64>(a, b);
            assert_eq!((product, error), (a * b, a.mul_add(b, -(a * b))));
            assert_eq!((product, error), two_product::<Avx2, f64>(a, b));
            let (a, b) = (a as f32, b as f32);
            let (product, error) = two_product::<Portable, f32>(a, b);
            assert_eq!(f64::from(product) + f64::from(error), f64::from(a) * f64::from(b));
        }
    }

    #[test]
    fn a_sum_and_its_error_are_exact() {
        assert_eq!(two_sum(1.0f64, 1e-20), (1.0, 1e-20));
        assert_eq!(two_sum(1e-20f64, 1.0), (1.0, 1e-20));
        assert_eq!(two_sum(1.0f32, 1.5e-8), (1.0, 1.5e-8));
    }
}
