//! The prior of ln σ under which the variance σ² is inverse gamma.

use std::f64::consts::LN_2;

use statrs::distribution::{ContinuousCDF, Gamma};
use statrs::function::gamma::ln_gamma;

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Key, Real, Var};
use crate::prior::{Prior, sample};

/// The prior of a weight w = ln σ whose variance σ² = e^(2w) is inverse gamma with a shape a and a scale b, the
/// conjugate prior of a normal distribution's variance: ln p(w) = −2aw − b e^(−2w) + a ln b − ln Γ(a) + ln 2. The
/// variance has the mean b/(a − 1) for a > 1; the density of w is largest at σ² = b/a, that of σ² itself at b/(a + 1).
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::InverseGammaVariance;
///
/// #[bayesian]
/// struct Noise {
///     #[prior(InverseGammaVariance::new(2.0, 0.1))]
///     log_sd: Point,
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InverseGammaVariance {
    shape: f64,
    scale: f64,
    /// a ln b − ln Γ(a) + ln 2.
    constant: f64,
}

impl InverseGammaVariance {
    /// The prior of ln σ under which σ² is inverse gamma with this shape a and scale b.
    ///
    /// # Panics
    /// If one is not positive and finite.
    #[track_caller]
    pub fn new(shape: f64, scale: f64) -> Self {
        let fits = [shape, scale].iter().all(|&number| number > 0.0 && number.is_finite());
        assert!(fits, "InverseGammaVariance: shape and scale must be positive and finite, got {shape} and {scale}");
        InverseGammaVariance { shape, scale, constant: shape * scale.ln() - ln_gamma(shape) + LN_2 }
    }

    /// The shape a.
    pub fn shape(self) -> f64 {
        self.shape
    }

    /// The scale b, in the unit of the variance.
    pub fn scale(self) -> f64 {
        self.scale
    }
}

impl Prior for InverseGammaVariance {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        sum(*self, [w], None)
    }

    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, _: &[usize], visitor: V) -> Option<V::Output> {
        Some(visitor.with(*self))
    }

    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        // 1/σ² is gamma.
        let precision = Gamma::new(self.shape, self.scale).ok()?;
        Some(sample::each(shape, key, |_, _, u| -0.5 * precision.inverse_cdf(u).ln()))
    }

    fn description(&self) -> String {
        format!("InverseGammaVariance({}, {})", self.shape, self.scale)
    }
}

impl ElementwiseTerm<1> for InverseGammaVariance {
    const NAME: &'static str = "log-density of InverseGammaVariance";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], _: At) -> f64 {
        self.constant - 2.0 * self.shape * w - self.scale * Math::exp::<S>(-2.0 * w)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], _: At) -> f64 {
        2.0 * self.scale * Math::exp::<S>(-2.0 * w) - 2.0 * self.shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Gradients, Tape, Tensor};

    #[test]
    fn it_is_a_density_with_the_mean_of_the_inverse_gamma_and_its_slope() {
        let prior = InverseGammaVariance::new(3.0, 0.8);
        let (points, from, to) = (4000, -4.0, 6.0);
        let w = Tensor::<f64>::from_fn([points], |i| from + (to - from) * i as f64 / points as f64);
        let (mut total, mut variance) = (0.0, 0.0);
        for &w in w.data() {
            let tape = Tape::<f64>::inference();
            let density = prior.log_density(tape.constant([], |_| w)).item().exp() * (to - from) / points as f64;
            total += density;
            variance += density * (2.0 * w).exp();
        }
        assert!((total - 1.0).abs() < 1e-9 && (variance - 0.4).abs() < 1e-6, "{total} {variance}");
        let at = |w: f64| prior.log_density(Tape::<f64>::inference().constant([], |_| w)).item();
        for w in [-1.5, 0.2, 3.0] {
            let weight = Tensor::<f64>::full([1], w);
            let (tape, mut gradients) = (Tape::new(), Gradients::of(&weight));
            prior.log_density(tape.param(&weight)).backward(&mut gradients);
            let difference = (at(w + 1e-5) - at(w - 1e-5)) / 2e-5;
            assert!((gradients.get("").unwrap()[0] - difference).abs() < 1e-6 * difference.abs().max(1.0));
        }
    }

    #[test]
    fn samples_have_the_mean_variance() {
        let drawn = InverseGammaVariance::new(3.0, 0.8).sample(&[20_000], Key::new(1)).unwrap();
        let precision = drawn.iter().map(|w| (-2.0 * w).exp()).sum::<f64>() / 20_000.0;
        // The mean of the precision is a/b, with a standard deviation of √a/b.
        assert!((precision - 3.0 / 0.8).abs() < 5.0 * 3f64.sqrt() / 0.8 / 20_000f64.sqrt(), "{precision}");
    }

    #[test]
    #[should_panic(expected = "shape and scale must be positive and finite, got 0 and 1")]
    fn a_shape_of_zero_is_refused() {
        InverseGammaVariance::new(0.0, 1.0);
    }
}
