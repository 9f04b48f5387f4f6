//! The horseshoe prior.

use std::f64::consts::{FRAC_PI_2, LN_2, PI};

use super::exponential_integral::correction;
use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Key, Real, Var};
use crate::prior::{Prior, sample};

/// The horseshoe: w ~ N(0, λ²τ²) with a separate scale λ ~ half-Cauchy(1) for each weight, integrated out (Carvalho,
/// Polson and Scott 2010). Its Cauchy-like tails shrink large weights little, and its pole at zero shrinks the others to
/// zero.
///
/// Its density is e^x E₁(x) / (τ √(2π³)) with x = w²/2τ² and the exponential integral E₁. At w = 0 it is infinite. So that
/// a [`Point`](crate::Point) can start there, as biases do, the log-density at 0 is defined as that at the smallest normal
/// number, 2⁻¹⁰²² τ, and its slope as 0.
///
/// Make one with `Horseshoe::new(0.1)`, or with the function of the same name: `Horseshoe(0.1)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Horseshoe {
    tau: f64,
}

/// Short for [`Horseshoe::new`](Horseshoe::new()).
///
/// # Panics
/// Where [`Horseshoe::new`](Horseshoe::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `Horseshoe(0.1)`")]
#[track_caller]
pub fn Horseshoe(tau: f64) -> Horseshoe {
    Horseshoe::new(tau)
}

impl Horseshoe {
    /// The horseshoe prior with the global scale τ.
    ///
    /// # Panics
    /// If `tau` is not positive and finite.
    #[track_caller]
    pub fn new(tau: f64) -> Self {
        assert!(tau > 0.0 && tau.is_finite(), "Horseshoe: the global scale must be positive and finite, got {tau}");
        Horseshoe { tau }
    }

    /// The global scale τ.
    pub fn tau(self) -> f64 {
        self.tau
    }
}

impl Prior for Horseshoe {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        sum(*self, [w], None)
    }

    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, _: &[usize], visitor: V) -> Option<V::Output> {
        Some(visitor.with(*self))
    }

    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        // A normal whose standard deviation has a half-Cauchy distribution.
        Some(sample::each(shape, key, |_, z, u| self.tau * (FRAC_PI_2 * u).tan() * z))
    }

    fn description(&self) -> String {
        format!("Horseshoe({})", self.tau)
    }
}

impl Horseshoe {
    /// x = w²/2τ², its logarithm, and c with e^x E₁(x) = 1/(x + c).
    #[inline(always)]
    fn parts<S: Simd>(self, w: f64) -> [f64; 3] {
        let z = w / self.tau;
        let z = if z == 0.0 { f64::MIN_POSITIVE } else { z };
        let (x, ln_x) = (0.5 * z * z, 2.0 * Math::ln::<S>(z.abs()) - LN_2);
        [x, ln_x, correction(x, ln_x)]
    }
}

impl ElementwiseTerm<1> for Horseshoe {
    const NAME: &'static str = "log-density of Horseshoe";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], _: At) -> f64 {
        let [x, ln_x, c] = self.parts::<S>(w);
        // The second form does not overflow for large x.
        let ln_inverse = if x < 1.0 { (x + c).ln() } else { ln_x + (c / x).ln_1p() };
        -0.5 * (2.0 * PI * PI * PI).ln() - self.tau.ln() - ln_inverse
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], _: At) -> f64 {
        let [.., c] = self.parts::<S>(w);
        let slope = -2.0 * c / w;
        if w == 0.0 { 0.0 } else { slope }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gradients, Point, Tape, Tensor};

    #[test]
    fn the_function_is_the_constructor() {
        assert_eq!(Horseshoe(0.1), Horseshoe::new(0.1));
    }

    #[test]
    fn values_and_gradients_are_finite_from_the_pole_to_the_far_tails() {
        for tau in [1e-6, 0.1, 1.0, 100.0] {
            for w in [1e-300, 1e-170, 1e-20, 1e-3, 1.0, 1e4, 1e160].map(|z: f64| z * tau) {
                let point = Point(Tensor::<f64>::new([2], [w, -w]));
                let (tape, mut gradients) = (Tape::new(), Gradients::of(&point));
                let value = Horseshoe(tau).log_density(tape.param(&point.0));
                value.backward(&mut gradients);
                let slopes = gradients.get("").unwrap();
                assert!(value.item().is_finite() && slopes[0] < 0.0 && slopes[0].is_finite(), "{tau} {w}: {value:?}");
                assert_eq!(slopes[0], -slopes[1]);
                // −2/w bounds the slope both in the tails and at the pole.
                assert!(slopes[0] >= -2.0 / w, "{tau} {w}: {}", slopes[0]);
            }
        }
    }

    #[test]
    #[should_panic(expected = "Horseshoe: the global scale must be positive and finite, got -0.1")]
    fn a_negative_scale_is_refused() {
        Horseshoe(-0.1);
    }
}
