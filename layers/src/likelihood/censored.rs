//! `Censored`: normal targets that are cut off at limits of the measurement.

use crate::engine::{Real, Var};
use crate::likelihood::HeteroscedasticGaussian;
use crate::likelihood::elementwise::{Elementwise, elementwise_likelihood};
use crate::likelihood::noise::log_normal_density;
use crate::predictive::Univariate;

/// Normal targets that are only known to lie below or above limits of the measurement: a target at `lower` stands for any
/// value of at most `lower`, one at `upper` for any of at least `upper` (Tobin 1958, "Estimation of Relationships for
/// Limited Dependent Variables"). Outputs are those of [`HeteroscedasticGaussian`]: means, then ln sd.
///
/// Predictions are of the value itself, not of its measurement: their quantiles may lie beyond the limits. For limits that
/// differ by example use [`IntervalCensored`](super::IntervalCensored).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Censored {
    limits: Limits,
}

impl Censored {
    /// With these limits; one may be infinite.
    ///
    /// # Panics
    /// If `lower` is not below `upper`.
    #[track_caller]
    pub fn new(lower: f64, upper: f64) -> Self {
        Censored { limits: Limits::new("Censored", lower, upper) }
    }
}

/// Limits of targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    pub(super) lower: f64,
    pub(super) upper: f64,
}

impl Limits {
    #[track_caller]
    pub(super) fn new(name: &str, lower: f64, upper: f64) -> Limits {
        assert!(
            lower < upper,
            "{name}: the lower limit must be below the upper one, got {lower} and {upper}; make a missing limit infinite"
        );
        Limits { lower, upper }
    }

    /// Whether it is within the limits; in single precision these may be rounded outwards.
    pub(super) fn contain(self, y: f64) -> bool {
        y >= f64::from(self.lower as f32).min(self.lower) && y <= f64::from(self.upper as f32).max(self.upper)
    }

    /// The limits, or those rounded to single precision if these are inside: targets that were once in single precision
    /// are at the limits by `<=` and `>=`.
    fn rounded_inwards(self) -> Limits {
        let [lower, upper] = [self.lower, self.upper].map(|limit| f64::from(limit as f32));
        Limits { lower: self.lower.max(lower), upper: self.upper.min(upper) }
    }
}

elementwise_likelihood!(Censored: 2);

impl Elementwise<2> for Censored {
    const NAME: &'static str = "Censored";
    const PARAMETERS: [&'static str; 2] = ["mean", "log standard deviation"];
    const SUPPORT: &'static str = "between the limits";

    fn supports(&self, y: f64) -> bool {
        self.limits.contain(y)
    }

    fn log_density<'t, T: Real>(&self, [mean, ln_sd]: [Var<'t, T>; 2], y: Var<'t, T>) -> Var<'t, T> {
        let z = (y - mean) * (-ln_sd).exp();
        let Limits { lower, upper } = self.limits.rounded_inwards();
        let observed = log_normal_density(mean, ln_sd, y);
        y.le(lower).select(z.ln_normal_cdf(), y.ge(upper).select((-z).ln_normal_cdf(), observed))
    }
}

impl Univariate for Censored {
    const HAS_POINT_MASSES: bool = true;

    fn num_outputs(&self) -> usize {
        2
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        HeteroscedasticGaussian.mean(outputs)
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        HeteroscedasticGaussian.variance(outputs)
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        HeteroscedasticGaussian.cdf(outputs, y)
    }

    fn normal(&self, outputs: &[f64]) -> Option<[f64; 2]> {
        HeteroscedasticGaussian.normal(outputs)
    }

    fn entropy(&self, outputs: &[f64]) -> Option<f64> {
        HeteroscedasticGaussian.entropy(outputs)
    }
}
