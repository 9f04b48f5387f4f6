//! `Truncated`: normal targets that can only be observed between limits.

use crate::engine::{Real, Var};
use crate::likelihood::censored::Limits;
use crate::likelihood::elementwise::{Elementwise, elementwise_likelihood};
use crate::likelihood::normal_interval::NormalInterval;
use crate::likelihood::truncated_normal::TruncatedNormal;
use crate::predictive::Univariate;

/// Normal targets that can only be observed between limits: the normal density divided by the probability of the limits.
/// Outputs are those of [`HeteroscedasticGaussian`](super::HeteroscedasticGaussian), for the distribution before truncation. Predictions are of observable
/// values, between the limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truncated {
    limits: Limits,
}

impl Truncated {
    /// With these limits; one may be infinite.
    ///
    /// # Panics
    /// If `lower` is not below `upper`.
    #[track_caller]
    pub fn new(lower: f64, upper: f64) -> Self {
        Truncated { limits: Limits::new("Truncated", lower, upper) }
    }
}

elementwise_likelihood!(Truncated: 2);

impl Elementwise<2> for Truncated {
    const NAME: &'static str = "Truncated";
    const PARAMETERS: [&'static str; 2] = ["mean", "log standard deviation"];
    const SUPPORT: &'static str = "between the limits";

    fn supports(&self, y: f64) -> bool {
        self.limits.contain(y)
    }

    fn log_density<'t, T: Real>(&self, [mean, ln_sd]: [Var<'t, T>; 2], y: Var<'t, T>) -> Var<'t, T> {
        let Limits { lower, upper } = self.limits;
        let inverse_sd = (-ln_sd).exp();
        let scaled = |difference: Var<'t, T>| difference * inverse_sd;
        let [low, high] = [lower, upper].map(|limit| scaled((-mean).scale_shift(1.0, limit)));
        let interval = NormalInterval::new(low, high, inverse_sd * (upper - lower));
        let [from_low, to_high] = [y.scale_shift(1.0, -lower), y.scale_shift(-1.0, upper)].map(scaled);
        interval.ln_density(scaled(y - mean), from_low, to_high) - ln_sd
    }
}

impl Truncated {
    fn distribution(self, outputs: &[f64]) -> TruncatedNormal {
        TruncatedNormal::new(self.limits, outputs[0], outputs[1])
    }
}

impl Univariate for Truncated {
    fn num_outputs(&self) -> usize {
        2
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        self.distribution(outputs).moments()[0]
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        self.distribution(outputs).moments()[1]
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        self.distribution(outputs).cdf(y)
    }
}
