//! The log-normal prior, for positive weights.

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Key, Real, Var};
use crate::prior::{Normal, Prior, sample};

/// A positive weight whose logarithm is N(mu, sigma²).
///
/// Make one with `LogNormalPrior::new(0.0, 1.0)`, or with the function of the same name: `LogNormalPrior(0.0, 1.0)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormalPrior {
    mu: f64,
    sigma: f64,
}

/// Short for [`LogNormalPrior::new`](LogNormalPrior::new()).
///
/// # Panics
/// Where [`LogNormalPrior::new`](LogNormalPrior::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `LogNormalPrior(0.0, 1.0)`")]
#[track_caller]
pub fn LogNormalPrior(mu: f64, sigma: f64) -> LogNormalPrior {
    LogNormalPrior::new(mu, sigma)
}

impl LogNormalPrior {
    /// The prior of a positive weight whose logarithm has the mean `mu` and the standard deviation `sigma`; its median is
    /// e^mu.
    ///
    /// # Panics
    /// If `sigma` is not positive and finite, or `mu` is not finite.
    #[track_caller]
    pub fn new(mu: f64, sigma: f64) -> Self {
        assert!(mu.is_finite(), "LogNormalPrior: the mean of the logarithm must be finite, got {mu}");
        assert!(
            sigma > 0.0 && sigma.is_finite(),
            "LogNormalPrior: the standard deviation of the logarithm must be positive and finite, got {sigma}"
        );
        LogNormalPrior { mu, sigma }
    }

    /// The distribution of the logarithm.
    pub fn log(self) -> Normal {
        self.normal()
    }

    #[inline(always)]
    fn normal(self) -> Normal {
        Normal { mean: self.mu, sd: self.sigma }
    }

    /// The mean of the logarithm.
    pub fn mu(self) -> f64 {
        self.mu
    }

    /// The standard deviation of the logarithm.
    pub fn sigma(self) -> f64 {
        self.sigma
    }
}

impl Prior for LogNormalPrior {
    /// −∞ for a weight that is not positive, with a gradient of zero.
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        sum(*self, [w], None)
    }

    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, _: &[usize], visitor: V) -> Option<V::Output> {
        Some(visitor.with(*self))
    }

    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        Some(sample::each(shape, key, |_, z, _| (self.mu + self.sigma * z).exp()))
    }

    fn description(&self) -> String {
        format!("LogNormalPrior({}, {})", self.mu, self.sigma)
    }
}

impl ElementwiseTerm<1> for LogNormalPrior {
    const NAME: &'static str = "log-density of LogNormalPrior";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], at: At) -> f64 {
        let ln_w = Math::ln::<S>(w);
        let inside = self.normal().value::<S>([ln_w], at) - ln_w;
        if w <= 0.0 { f64::NEG_INFINITY } else { inside }
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], at: At) -> f64 {
        let inside = -(1.0 - self.normal().slope::<S, 0>([Math::ln::<S>(w)], at)) / w;
        if w <= 0.0 { 0.0 } else { inside }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_is_the_constructor() {
        assert_eq!(LogNormalPrior(0.5, 2.0), LogNormalPrior::new(0.5, 2.0));
    }

    #[test]
    #[should_panic(expected = "the standard deviation of the logarithm must be positive and finite, got NaN")]
    fn a_nan_standard_deviation_is_refused() {
        LogNormalPrior(0.0, f64::NAN);
    }
}
