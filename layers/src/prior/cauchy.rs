//! The Cauchy prior.

use std::f64::consts::PI;

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Key, Real, Var};
use crate::prior::{Prior, sample};

/// Cauchy(median, scale) for every element: density 1 / (π scale (1 + z²)) with z = (w − median)/scale. It has neither
/// mean nor variance, and penalises single large weights little.
///
/// Make one with `Cauchy::new(0.0, 1.0)`, or with the function of the same name: `Cauchy(0.0, 1.0)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cauchy {
    median: f64,
    scale: f64,
}

/// Short for [`Cauchy::new`](Cauchy::new()).
///
/// # Panics
/// Where [`Cauchy::new`](Cauchy::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `Cauchy(0.0, 1.0)`")]
#[track_caller]
pub fn Cauchy(median: f64, scale: f64) -> Cauchy {
    Cauchy::new(median, scale)
}

impl Cauchy {
    /// The Cauchy prior: half of its mass lies within `scale` of `median`.
    ///
    /// # Panics
    /// If `scale` is not positive and finite, or `median` is not finite.
    #[track_caller]
    pub fn new(median: f64, scale: f64) -> Self {
        assert!(median.is_finite(), "Cauchy: the median must be finite, got {median}");
        assert!(scale > 0.0 && scale.is_finite(), "Cauchy: the scale must be positive and finite, got {scale}");
        Cauchy { median, scale }
    }

    /// The median.
    pub fn median(self) -> f64 {
        self.median
    }

    /// The scale: the median distance from the median.
    pub fn scale(self) -> f64 {
        self.scale
    }
}

impl Prior for Cauchy {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        sum(*self, [w], None)
    }

    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, _: &[usize], visitor: V) -> Option<V::Output> {
        Some(visitor.with(*self))
    }

    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        Some(sample::each(shape, key, |_, _, u| self.median + self.scale * (PI * (u - 0.5)).tan()))
    }

    fn description(&self) -> String {
        format!("Cauchy({}, {})", self.median, self.scale)
    }
}

impl ElementwiseTerm<1> for Cauchy {
    const NAME: &'static str = "log-density of Cauchy";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], _: At) -> f64 {
        let z = (w - self.median) / self.scale;
        -Math::ln_1p::<S>(z * z) - (PI * self.scale).ln()
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], _: At) -> f64 {
        let z = (w - self.median) / self.scale;
        -2.0 * z / (1.0 + z * z) / self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_is_the_constructor() {
        assert_eq!(Cauchy(0.5, 2.0), Cauchy::new(0.5, 2.0));
    }

    #[test]
    #[should_panic(expected = "Cauchy: the scale must be positive and finite, got inf")]
    fn an_infinite_scale_is_refused() {
        Cauchy(0.0, f64::INFINITY);
    }
}
