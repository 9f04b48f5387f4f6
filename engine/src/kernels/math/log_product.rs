//! Σ ln x of many numbers with a single logarithm, by multiplying their significands and adding their exponents.

use super::Math;
use crate::Real;
use crate::kernels::dispatch::Simd;

/// Σ ln x of the positive normal numbers that were multiplied in, in parallel lanes.
///
/// A multiplication costs a fraction of a logarithm, and its rounding error is no worse: half a unit in the last place
/// of one.
#[derive(Clone, Copy, Debug)]
pub struct LogProduct<T, const LANES: usize> {
    significands: [T; LANES],
    exponents: [T; LANES],
}

impl<T: Real, const LANES: usize> LogProduct<T, LANES> {
    /// The maximum number of factors of a lane: its significand stays within 0.75 and 1.5 to this power.
    pub const CAPACITY: usize = 200;

    /// The empty product.
    #[inline(always)]
    pub fn new() -> Self {
        LogProduct { significands: [T::ONE; LANES], exponents: [T::ZERO; LANES] }
    }

    /// Multiplies every lane by its factor, which must be positive and normal; others give an unspecified result,
    /// without a panic.
    #[inline(always)]
    pub fn multiply(&mut self, factors: &[T; LANES]) {
        for ((significand, exponent), &factor) in self.significands.iter_mut().zip(&mut self.exponents).zip(factors) {
            let (m, k) = factor.parts();
            *significand *= m;
            *exponent += k;
        }
    }

    /// The logarithm of the product of all lanes.
    #[inline(always)]
    pub fn ln<S: Simd>(&self) -> f64 {
        let mut logarithms = [0.0; LANES];
        for ((ln, significand), exponent) in logarithms.iter_mut().zip(&self.significands).zip(&self.exponents) {
            *ln = exponent.to_f64() * std::f64::consts::LN_2 + Math::ln::<S>(significand.to_f64());
        }
        logarithms.iter().sum()
    }
}

impl<T: Real, const LANES: usize> Default for LogProduct<T, LANES> {
    fn default() -> Self {
        LogProduct::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::dispatch::{Kernel, dispatch};

    struct Sum<'a, T>(&'a [[T; 2]]);

    impl<T: Real> Kernel for Sum<'_, T> {
        type Output = f64;

        #[inline(always)]
        fn run<S: Simd>(self) -> f64 {
            let mut product = LogProduct::new();
            self.0.iter().for_each(|factors| product.multiply(factors));
            product.ln::<S>()
        }
    }

    /// In `f32` a factor may cost half a unit in the last place. In `f64` the reference logarithms cost as much again.
    fn check<T: Real>(factors: impl Fn(usize) -> f64, tolerance: f64) {
        let capacity = LogProduct::<T, 2>::CAPACITY;
        let factors: Vec<[T; 2]> = (0..capacity).map(|i| [2 * i, 2 * i + 1].map(|i| T::from_f64(factors(i)))).collect();
        let logarithms = || factors.iter().flatten().map(|x| x.to_f64().ln());
        let size: f64 = logarithms().map(|ln| 1.0 + ln.abs()).sum();
        let exact = compensated(logarithms());
        let error = (dispatch(Sum(&factors)) - exact).abs() / size;
        assert!(error < tolerance, "{error:e}");
    }

    /// A compensated sum (Kahan 1965): with plain summation, equal terms accumulate errors of one sign.
    fn compensated(terms: impl Iterator<Item = f64>) -> f64 {
        let (mut sum, mut lost) = (0.0, 0.0);
        for term in terms {
            let term = term - lost;
            let next = sum + term;
            lost = (next - sum) - term;
            sum = next;
        }
        sum
    }

    #[test]
    fn the_error_is_at_most_one_rounding_per_factor() {
        check::<f32>(|i| (60.0 * (i as f64).sin()).exp(), 6e-8);
        check::<f64>(|i| (600.0 * (i as f64).sin()).exp(), f64::EPSILON);
    }

    #[test]
    fn many_equal_factors_neither_overflow_nor_underflow() {
        for factor in [0.75, 0.76, 1.0, 1.49, 1.51, 1.2e-38, 3e38] {
            check::<f32>(|_| factor, 6e-8);
        }
        for factor in [0.75, 1.499_999, 1e-300, 1e300] {
            check::<f64>(|_| factor, f64::EPSILON);
        }
    }
}
