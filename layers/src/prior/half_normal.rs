//! The half-normal prior, for positive weights such as scales.

use std::f64::consts::PI;

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::{Key, Real, Var};
use crate::prior::{Prior, sample};

/// The absolute value of a N(0, scale²) variable: density √(2/π)/scale · e^(−(w/scale)²/2) for w ≥ 0.
///
/// Make one with `HalfNormal::new(1.0)`, or with the function of the same name: `HalfNormal(1.0)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HalfNormal {
    scale: f64,
}

/// Short for [`HalfNormal::new`](HalfNormal::new()).
///
/// # Panics
/// Where [`HalfNormal::new`](HalfNormal::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `HalfNormal(1.0)`")]
#[track_caller]
pub fn HalfNormal(scale: f64) -> HalfNormal {
    HalfNormal::new(scale)
}

impl HalfNormal {
    /// The half-normal prior, of |N(0, scale²)|; its mean is √(2/π) times the scale.
    ///
    /// # Panics
    /// If `scale` is not positive and finite.
    #[track_caller]
    pub fn new(scale: f64) -> Self {
        assert!(scale > 0.0 && scale.is_finite(), "HalfNormal: the scale must be positive and finite, got {scale}");
        HalfNormal { scale }
    }

    /// The scale.
    pub fn scale(self) -> f64 {
        self.scale
    }
}

impl Prior for HalfNormal {
    /// −∞ below zero, with a gradient of zero.
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        sum(*self, [w], None)
    }

    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, _: &[usize], visitor: V) -> Option<V::Output> {
        Some(visitor.with(*self))
    }

    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        Some(sample::each(shape, key, |_, z, _| self.scale * z.abs()))
    }

    fn description(&self) -> String {
        format!("HalfNormal({})", self.scale)
    }
}

impl ElementwiseTerm<1> for HalfNormal {
    const NAME: &'static str = "log-density of HalfNormal";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], _: At) -> f64 {
        let z = w / self.scale;
        let inside = 0.5 * (2.0 / PI).ln() - self.scale.ln() - 0.5 * z * z;
        if w < 0.0 { f64::NEG_INFINITY } else { inside }
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], _: At) -> f64 {
        let z = w / self.scale;
        let inside = -z / self.scale;
        if w < 0.0 { 0.0 } else { inside }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_is_the_constructor() {
        assert_eq!(HalfNormal(2.0), HalfNormal::new(2.0));
    }

    #[test]
    #[should_panic(expected = "HalfNormal: the scale must be positive and finite, got 0")]
    fn a_scale_of_zero_is_refused() {
        HalfNormal(0.0);
    }
}
