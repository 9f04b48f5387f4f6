//! The Laplace prior.

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::{Key, Real, Var};
use crate::prior::{Prior, sample};

/// Laplace(mean, scale) for every element: density e^(−|w − mean|/scale) / (2 scale). MAP estimation
/// with this prior is L1 regularisation (the lasso).
///
/// Make one with `LaplacePrior::new(0.0, 1.0)`, or with the function of the same name: `LaplacePrior(0.0, 1.0)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LaplacePrior {
    mean: f64,
    scale: f64,
}

/// Short for [`LaplacePrior::new`](LaplacePrior::new()).
///
/// # Panics
/// Where [`LaplacePrior::new`](LaplacePrior::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `LaplacePrior(0.0, 1.0)`")]
#[track_caller]
pub fn LaplacePrior(mean: f64, scale: f64) -> LaplacePrior {
    LaplacePrior::new(mean, scale)
}

impl LaplacePrior {
    /// The Laplace prior with this mean and scale; its standard deviation is √2 times the scale.
    ///
    /// At the mean the log-density is not differentiable, and its derivative is defined as 0.
    ///
    /// # Panics
    /// If `scale` is not positive and finite, or `mean` is not finite.
    #[track_caller]
    pub fn new(mean: f64, scale: f64) -> Self {
        assert!(mean.is_finite(), "LaplacePrior: the mean must be finite, got {mean}");
        assert!(scale > 0.0 && scale.is_finite(), "LaplacePrior: the scale must be positive and finite, got {scale}");
        LaplacePrior { mean, scale }
    }

    /// The mean.
    pub fn mean(self) -> f64 {
        self.mean
    }

    /// The scale: the mean distance from the mean.
    pub fn scale(self) -> f64 {
        self.scale
    }
}

impl Prior for LaplacePrior {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        sum(*self, [w], None)
    }

    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, _: &[usize], visitor: V) -> Option<V::Output> {
        Some(visitor.with(*self))
    }

    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        // The quantile of a uniform number.
        let quantile = |u: f64| if u < 0.5 { (2.0 * u).ln() } else { -(2.0 * (1.0 - u)).ln() };
        Some(sample::each(shape, key, |_, _, u| self.mean + self.scale * quantile(u)))
    }

    fn description(&self) -> String {
        format!("LaplacePrior({}, {})", self.mean, self.scale)
    }
}

impl ElementwiseTerm<1> for LaplacePrior {
    const NAME: &'static str = "log-density of Laplace";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], _: At) -> f64 {
        -(w - self.mean).abs() / self.scale - (2.0 * self.scale).ln()
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], _: At) -> f64 {
        let size = 1.0 / self.scale;
        let away = w - self.mean;
        if away == 0.0 { 0.0 } else { -size.copysign(away) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_is_the_constructor() {
        assert_eq!(LaplacePrior(0.5, 2.0), LaplacePrior::new(0.5, 2.0));
    }

    #[test]
    #[should_panic(expected = "LaplacePrior: the scale must be positive and finite, got -1")]
    fn a_negative_scale_is_refused() {
        LaplacePrior(0.0, -1.0);
    }
}
