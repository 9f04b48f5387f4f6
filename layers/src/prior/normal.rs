//! The normal prior.

use std::f64::consts::TAU;

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::{Key, Real, Var};
use crate::prior::{Prior, sample};
use crate::scalar::inverse;

/// N(mean, sd²) for every element.
///
/// ```
/// # use elbo::prelude::*;
/// assert_eq!(Normal::new(0.0, 1.0), Normal(0.0, 1.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    pub(super) mean: f64,
    pub(super) sd: f64,
}

/// Short for [`Normal::new`](Normal::new()).
///
/// # Panics
/// Where [`Normal::new`](Normal::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `Normal(0.0, 1.0)`")]
#[track_caller]
pub fn Normal(mean: f64, sd: f64) -> Normal {
    Normal::new(mean, sd)
}

impl Normal {
    /// The normal prior N(mean, sd²): the standard deviation, not the variance.
    ///
    /// # Panics
    /// If `sd` is not positive and finite, or `mean` is not finite.
    #[track_caller]
    pub fn new(mean: f64, sd: f64) -> Self {
        assert!(mean.is_finite(), "Normal: the mean must be finite, got {mean}");
        assert!(sd > 0.0 && sd.is_finite(), "Normal: the standard deviation must be positive and finite, got {sd}");
        Normal { mean, sd }
    }

    /// The mean.
    pub fn mean(self) -> f64 {
        self.mean
    }

    /// The standard deviation.
    pub fn sd(self) -> f64 {
        self.sd
    }

    /// 1/sd, for weights in `T`.
    #[track_caller]
    pub(crate) fn inverse_sd<T: Real>(self) -> f64 {
        inverse::<T>("Normal", self.sd)
    }
}

impl Prior for Normal {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        sum(*self, [w], None)
    }

    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, _: &[usize], visitor: V) -> Option<V::Output> {
        Some(visitor.with(*self))
    }

    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        Some(sample::each(shape, key, |_, z, _| self.mean + self.sd * z))
    }

    fn description(&self) -> String {
        format!("Normal({}, {})", self.mean, self.sd)
    }
}

impl ElementwiseTerm<1> for Normal {
    const NAME: &'static str = "log-density of Normal";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], _: At) -> f64 {
        let z = (w - self.mean) / self.sd;
        -0.5 * (z * z + TAU.ln()) - self.sd.ln()
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], _: At) -> f64 {
        (self.mean - w) / self.sd / self.sd
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_is_the_constructor() {
        assert_eq!(Normal(0.5, 2.0), Normal::new(0.5, 2.0));
    }

    #[test]
    #[should_panic(expected = "the standard deviation must be positive and finite, got 0")]
    fn a_standard_deviation_of_zero_is_refused() {
        Normal(0.0, 0.0);
    }

    #[test]
    #[should_panic(expected = "the mean must be finite, got NaN")]
    fn a_nan_mean_is_refused() {
        Normal(f64::NAN, 1.0);
    }
}
