//! The chain rule for one number: an adjoint times a derivative, where either may be exactly zero.
//!
//! IEEE arithmetic makes 0 · ∞ and 0 · NaN NaN. In a backward pass that is wrong wherever one of the factors is exactly
//! zero, and one such element makes the gradient of every parameter NaN:
//!
//! - A result that is not used has the adjoint 0: the branch that a `select` did not choose, a masked or dropped row. The
//!   derivative of √x at 0, of ln x at 0, or of anything at NaN does not matter there: 0 is passed on.
//! - Where a function is stationary its derivative is 0, and so is the derivative of anything computed from it: 0 is
//!   passed on, even if the adjoint is infinite. √Σ(x − y)² has the gradient 0 at x = y, as `norm` has.
//!
//! An adjoint that is NaN stays NaN, so a mistake further on is not hidden.

use crate::Real;

/// The adjoint `g` of a function's value times the function's derivative `slope`; 0 if one is exactly 0, even if the
/// other one is infinite, or the slope NaN.
#[inline(always)]
pub fn chain<T: Real>(g: T, slope: T) -> T {
    chain_as(g, slope, g * slope)
}

/// [`chain`] with the product computed as `part`, in an order of its own.
#[inline(always)]
pub fn chain_as<T: Real>(g: T, slope: T, part: T) -> T {
    // If one of the two is NaN, this is |g|.
    let smaller = if slope.abs() < g.abs() { slope.abs() } else { g.abs() };
    if smaller == T::ZERO { T::ZERO } else { part }
}

/// `part`, which was computed from the adjoint `g`; 0 if `g` is exactly 0, even if `part` is NaN.
#[inline(always)]
pub fn unless_zero<T: Real>(g: T, part: T) -> T {
    if g == T::ZERO { T::ZERO } else { part }
}

/// Whether [`chain`] may differ from a plain product for this adjoint.
#[inline(always)]
pub(crate) fn is_special<T: Real>(g: T) -> bool {
    g == T::ZERO || !g.is_finite()
}

/// Whether every adjoint is exactly 0, so that everything computed from them is 0. Stops at the first that is not.
#[inline(always)]
pub fn all_zero<T: Real>(g: &[T]) -> bool {
    g.iter().all(|&g| g == T::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFINITY: f64 = f64::INFINITY;

    #[test]
    fn ordinary_numbers_are_multiplied() {
        for g in [-1.5, 1e-300, 3.0, INFINITY, -INFINITY] {
            for slope in [2.0, -0.25, 1e-10, INFINITY] {
                assert_eq!(chain(g, slope), g * slope);
            }
        }
        assert_eq!(chain(1e-200, 1e-200), 0.0);
    }

    #[test]
    fn an_adjoint_of_zero_passes_on_zero() {
        for zero in [0.0, -0.0] {
            for slope in [1.0, INFINITY, -INFINITY, f64::NAN, 0.0] {
                assert_eq!(chain(zero, slope), 0.0);
                assert_eq!(unless_zero(zero, zero * slope), 0.0);
            }
        }
        assert!(unless_zero(1.0, f64::NAN).is_nan());
    }

    #[test]
    fn a_slope_of_zero_passes_on_zero_unless_the_adjoint_is_nan() {
        for g in [1.0, INFINITY, -INFINITY, 0.0] {
            assert_eq!(chain(g, 0.0), 0.0);
        }
        assert!(chain(f64::NAN, 0.0).is_nan() && chain(f64::NAN, 2.0).is_nan() && chain(2.0, f64::NAN).is_nan());
    }

    #[test]
    fn one_number_that_is_not_zero_is_found() {
        assert!(all_zero::<f64>(&[]) && all_zero(&[0.0, -0.0]));
        assert!(!all_zero(&[0.0, f64::NAN]) && !all_zero(&[0.0, 0.0, 1e-300]));
    }
}
