//! `WeightedNormals`: a mixture of normal distributions with weights, as the prediction of one number.

use std::f64::consts::{SQRT_2, TAU};

use super::crps::mean_distance;
use crate::metrics::log_mean_exp::log_mean_exp;

/// p(y) = Σ wᵢ N(y; μᵢ, σᵢ²): the prediction of one number by several normal distributions, such as the members of an ensemble
/// from anywhere, with their weights. [`Mixture`](crate::metrics::Mixture) is the prediction by a model and its likelihood.
///
/// ```
/// # use elbo::metrics::WeightedNormals;
/// let predicted = WeightedNormals::new(&[1.0, 3.0], &[-1.0, 1.0], &[0.5, 0.5]);
/// assert_eq!(predicted.mean(), 0.5);
/// assert_eq!((predicted.aleatoric_variance(), predicted.epistemic_variance()), (0.25, 0.75));
/// assert!((predicted.crps(0.5) - 0.261_089_517).abs() < 1e-8);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedNormals {
    /// They sum to 1.
    weights: Vec<f64>,
    means: Vec<f64>,
    sds: Vec<f64>,
}

impl WeightedNormals {
    /// From weights, which are scaled to sum to 1, means and standard deviations.
    ///
    /// # Panics
    /// If there are none, or not equally many; if a weight is negative, all are 0, a standard deviation is not positive, or a
    /// number is not finite.
    #[track_caller]
    pub fn new(weights: &[f64], means: &[f64], sds: &[f64]) -> Self {
        let lengths = [weights.len(), means.len(), sds.len()];
        assert!(
            lengths[0] > 0 && lengths.iter().all(|length| *length == lengths[0]),
            "WeightedNormals: got {} weights, {} means and {} standard deviations; each component needs one of each",
            lengths[0],
            lengths[1],
            lengths[2]
        );
        let total: f64 = weights.iter().sum();
        let are_weights = weights.iter().all(|weight| *weight >= 0.0) && total > 0.0 && total.is_finite();
        assert!(are_weights, "WeightedNormals: weights must be finite, not negative, and not all 0, got {weights:?}");
        assert!(means.iter().all(|mean| mean.is_finite()), "WeightedNormals: means must be finite, got {means:?}");
        assert!(
            sds.iter().all(|sd| *sd > 0.0 && sd.is_finite()),
            "WeightedNormals: standard deviations must be positive and finite, got {sds:?}"
        );
        let weights = weights.iter().map(|weight| weight / total).collect();
        WeightedNormals { weights, means: means.to_vec(), sds: sds.to_vec() }
    }

    /// Each component's weight, mean and standard deviation.
    fn components(&self) -> impl Iterator<Item = (f64, f64, f64)> + Clone {
        self.weights.iter().zip(&self.means).zip(&self.sds).map(|((&weight, &mean), &sd)| (weight, mean, sd))
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.components().map(|(weight, mean, _)| weight * mean).sum()
    }

    /// The variance: [aleatoric](Self::aleatoric_variance) plus [epistemic](Self::epistemic_variance).
    pub fn variance(&self) -> f64 {
        self.aleatoric_variance() + self.epistemic_variance()
    }

    /// The mean of the components' variances.
    pub fn aleatoric_variance(&self) -> f64 {
        self.components().map(|(weight, _, sd)| weight * sd * sd).sum()
    }

    /// The variance of the components' means.
    pub fn epistemic_variance(&self) -> f64 {
        let center = self.mean();
        self.components().map(|(weight, mean, _)| weight * (mean - center).powi(2)).sum()
    }

    /// The probability of a number of at most `y`. For a target it is its probability integral transform, uniform for a
    /// calibrated prediction.
    pub fn cdf(&self, y: f64) -> f64 {
        self.components().map(|(weight, mean, sd)| weight * 0.5 * libm::erfc((mean - y) / (sd * SQRT_2))).sum()
    }

    /// ln p(y), in nats.
    pub fn log_likelihood(&self, y: f64) -> f64 {
        let term = |(weight, mean, sd): (f64, f64, f64)| {
            weight.ln() - 0.5 * ((y - mean) / sd).powi(2) - sd.ln() - 0.5 * TAU.ln()
        };
        (self.weights.len() as f64).ln() + log_mean_exp(self.components().map(term))
    }

    /// The continuous ranked probability score for the target `y`, in its unit, in closed form (Grimit et al. 2006, "The
    /// continuous ranked probability score for circular variables and its application to mesoscale forecast ensemble
    /// verification", eq. 5): Σ wᵢ A(y − μᵢ, σᵢ²) − ½ Σᵢ Σⱼ wᵢ wⱼ A(μᵢ − μⱼ, σᵢ² + σⱼ²), where A(m, s²) is the mean absolute
    /// value of N(m, s²).
    pub fn crps(&self, y: f64) -> f64 {
        crps(self.components(), y)
    }
}

/// The CRPS of a mixture of normal distributions, each with weight, mean and standard deviation.
pub(super) fn crps(components: impl Iterator<Item = (f64, f64, f64)> + Clone, y: f64) -> f64 {
    let to_target: f64 = components.clone().map(|(weight, mean, sd)| weight * mean_distance(y - mean, sd)).sum();
    let mut pairs = 0.0;
    let mut rest = components;
    while let Some((weight, mean, sd)) = rest.next() {
        // Each unordered pair counts twice, a component with itself once.
        let itself = 0.5 * weight * mean_distance(0.0, sd * SQRT_2);
        let others: f64 =
            rest.clone().map(|(other, center, spread)| other * mean_distance(mean - center, sd.hypot(spread))).sum();
        pairs += weight * (itself + others);
    }
    to_target - pairs
}
