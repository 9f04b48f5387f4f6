//! The half-Cauchy prior, for positive weights such as scales.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Key, Real, Var};
use crate::prior::{Prior, sample};

/// The absolute value of a Cauchy variable about zero: density 2 / (π scale (1 + (w/scale)²)) for w ≥ 0. A weakly
/// informative prior for a standard deviation (Gelman 2006).
///
/// Make one with `HalfCauchy::new(1.0)`, or with the function of the same name: `HalfCauchy(1.0)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HalfCauchy {
    scale: f64,
}

/// Short for [`HalfCauchy::new`](HalfCauchy::new()).
///
/// # Panics
/// Where [`HalfCauchy::new`](HalfCauchy::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `HalfCauchy(1.0)`")]
#[track_caller]
pub fn HalfCauchy(scale: f64) -> HalfCauchy {
    HalfCauchy::new(scale)
}

impl HalfCauchy {
    /// The half-Cauchy prior: half of its mass lies below `scale`.
    ///
    /// # Panics
    /// If `scale` is not positive and finite.
    #[track_caller]
    pub fn new(scale: f64) -> Self {
        assert!(scale > 0.0 && scale.is_finite(), "HalfCauchy: the scale must be positive and finite, got {scale}");
        HalfCauchy { scale }
    }

    /// The scale.
    pub fn scale(self) -> f64 {
        self.scale
    }
}

impl Prior for HalfCauchy {
    /// −∞ below zero, with a gradient of zero.
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        sum(*self, [w], None)
    }

    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, _: &[usize], visitor: V) -> Option<V::Output> {
        Some(visitor.with(*self))
    }

    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        Some(sample::each(shape, key, |_, _, u| self.scale * (FRAC_PI_2 * u).tan()))
    }

    fn description(&self) -> String {
        format!("HalfCauchy({})", self.scale)
    }
}

impl ElementwiseTerm<1> for HalfCauchy {
    const NAME: &'static str = "log-density of HalfCauchy";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], _: At) -> f64 {
        let z = w / self.scale;
        let inside = (2.0 / PI).ln() - self.scale.ln() - Math::ln_1p::<S>(z * z);
        if w < 0.0 { f64::NEG_INFINITY } else { inside }
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], _: At) -> f64 {
        let z = w / self.scale;
        let inside = -2.0 * z / (1.0 + z * z) / self.scale;
        if w < 0.0 { 0.0 } else { inside }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_is_the_constructor() {
        assert_eq!(HalfCauchy(2.0), HalfCauchy::new(2.0));
    }

    #[test]
    #[should_panic(expected = "HalfCauchy: the scale must be positive and finite, got 0")]
    fn a_scale_of_zero_is_refused() {
        HalfCauchy(0.0);
    }
}
