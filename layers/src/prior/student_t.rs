//! The Student's t prior.

use std::f64::consts::PI;

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Key, Real, Var};
use crate::prior::{Prior, sample};

/// Student's t for every element: density ∝ (1 + z²/ν)^(−(ν + 1)/2) with ν degrees of freedom and
/// z = (w − mean)/scale. Between [`Cauchy`](struct@crate::Cauchy) (ν = 1) and [`Normal`](struct@crate::Normal) (ν → ∞).
///
/// Make one with `StudentT::new(4.0, 0.0, 1.0)`, or with the function of the same name: `StudentT(4.0, 0.0, 1.0)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StudentT {
    df: f64,
    mean: f64,
    scale: f64,
    /// The logarithm of the normalising constant.
    ln_normaliser: f64,
}

/// Short for [`StudentT::new`](StudentT::new()).
///
/// # Panics
/// Where [`StudentT::new`](StudentT::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `StudentT(4.0, 0.0, 1.0)`")]
#[track_caller]
pub fn StudentT(df: f64, mean: f64, scale: f64) -> StudentT {
    StudentT::new(df, mean, scale)
}

/// ln Γ(a + ½) − ln Γ(a).
fn ln_gamma_ratio(a: f64) -> f64 {
    if a < 16.0 {
        return libm::lgamma(a + 0.5) - libm::lgamma(a);
    }
    // Both grow as a ln a, and the difference only as ½ ln a, so it would cancel for large a. This is its asymptotic
    // series, whose next term is below 3e-14 at 16.
    let square = 1.0 / (a * a);
    let series = 0.125 - square * (1.0 / 192.0 - square * (1.0 / 640.0 - square * (17.0 / 14336.0)));
    0.5 * a.ln() - series / a
}

impl StudentT {
    /// Student's t with `df` degrees of freedom about `mean` (the median, where `df` ≤ 1). The scale is the standard
    /// deviation for large `df` only: that is scale · √(df / (df − 2)).
    ///
    /// # Panics
    /// If `df` or `scale` is not positive and finite, or `mean` is not finite.
    #[track_caller]
    pub fn new(df: f64, mean: f64, scale: f64) -> Self {
        assert!(df > 0.0 && df.is_finite(), "StudentT: the degrees of freedom must be positive and finite, got {df}");
        assert!(mean.is_finite(), "StudentT: the mean must be finite, got {mean}");
        assert!(scale > 0.0 && scale.is_finite(), "StudentT: the scale must be positive and finite, got {scale}");
        let ln_normaliser = 0.5 * (df * PI).ln() + scale.ln() - ln_gamma_ratio(0.5 * df);
        StudentT { df, mean, scale, ln_normaliser }
    }

    /// The degrees of freedom.
    pub fn df(self) -> f64 {
        self.df
    }

    /// The mean.
    pub fn mean(self) -> f64 {
        self.mean
    }

    /// The scale.
    pub fn scale(self) -> f64 {
        self.scale
    }
}

impl Prior for StudentT {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        sum(*self, [w], None)
    }

    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, _: &[usize], visitor: V) -> Option<V::Output> {
        Some(visitor.with(*self))
    }

    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        // The polar method of Bailey 1994, "Polar generation of random variates with the t-distribution": exact, from two
        // uniform numbers.
        let angles = sample::each(shape, key.at("angle"), |_, _, u| (2.0 * PI * u).cos());
        let radius = |u: f64| (self.df * (-2.0 / self.df * u.ln()).exp_m1()).sqrt();
        Some(sample::each(shape, key, |i, _, u| self.mean + self.scale * radius(u) * angles[i]))
    }

    fn description(&self) -> String {
        format!("StudentT({}, {}, {})", self.df, self.mean, self.scale)
    }
}

impl ElementwiseTerm<1> for StudentT {
    const NAME: &'static str = "log-density of StudentT";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], _: At) -> f64 {
        let z = (w - self.mean) / self.scale;
        -0.5 * (self.df + 1.0) * Math::ln_1p::<S>(z * z / self.df) - self.ln_normaliser
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], _: At) -> f64 {
        let z = (w - self.mean) / self.scale;
        -(self.df + 1.0) * z / (self.df + z * z) / self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Normal, Tape, Tensor};

    fn at(prior: impl Prior, w: f64) -> f64 {
        let tape = Tape::<f64>::inference();
        prior.log_density(tape.input(&Tensor::new([], [w]))).item()
    }

    #[test]
    fn the_function_is_the_constructor() {
        assert_eq!(StudentT(4.0, 0.5, 2.0), StudentT::new(4.0, 0.5, 2.0));
    }

    #[test]
    fn many_degrees_of_freedom_are_a_normal() {
        for (w, df) in [(0.3, 1e8), (2.0, 1e12), (-5.0, 1e15)] {
            let (t, normal) = (at(StudentT(df, 0.1, 0.5), w), at(Normal(0.1, 0.5), w));
            assert!((t - normal).abs() < 1e4 / df + 1e-13, "{df}: {t} {normal}");
        }
    }

    #[test]
    fn the_ratio_of_gamma_functions_is_continuous_and_right_where_it_is_known() {
        // Γ(n + ½)/Γ(n) = √π ∏ (k − ½)/k · n, written out for n = 40.
        let product: f64 = (1..=40).map(|k| (f64::from(k) - 0.5) / f64::from(k)).map(f64::ln).sum();
        let exact = 0.5 * PI.ln() + product + 40f64.ln();
        assert!((ln_gamma_ratio(40.0) - exact).abs() < 1e-14, "{} {exact}", ln_gamma_ratio(40.0));
        let (below, above) = (ln_gamma_ratio(16.0 - 1e-12), ln_gamma_ratio(16.0));
        assert!((below - above).abs() < 2e-13, "{below} {above}");
    }

    #[test]
    #[should_panic(expected = "StudentT: the degrees of freedom must be positive and finite, got 0")]
    fn zero_degrees_of_freedom_are_refused() {
        StudentT(0.0, 0.0, 1.0);
    }
}
