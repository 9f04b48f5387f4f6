//! Statistics of one weight's posterior: signal-to-noise ratio, effective number, elements fallen back to the prior.

use super::FALLEN_BACK;
use crate::engine::Role;

/// A learned tensor of a weight, with the gradients with respect to it.
pub(super) struct LearnedTensor {
    pub(super) role: Role,
    /// The gradient of the mean NLL.
    pub(super) nll: Vec<f64>,
    /// The gradient of KL/N.
    pub(super) kl: Vec<f64>,
    /// The gradient of Σ ln σ over the weight's elements, if they are independent.
    pub(super) log_sd: Vec<f64>,
}

/// Means and standard deviations of a random weight's elements.
pub(super) struct WeightStatistics {
    pub(super) mean: Vec<f64>,
    pub(super) sd: Vec<f64>,
    /// γ estimated from draws, for weights without scale parameters of independent elements.
    pub(super) drawn_effective: Option<f64>,
}

/// γ, and the number of elements that have fallen back, each if known.
pub(super) struct EffectiveWeights {
    pub(super) effective: Option<f64>,
    pub(super) fallen_back: Option<usize>,
}

impl WeightStatistics {
    /// |μ|/σ of each element.
    pub(super) fn signal_to_noise(&self) -> impl Iterator<Item = f64> {
        self.mean.iter().zip(&self.sd).map(|(mean, sd)| mean.abs() / sd)
    }

    /// The effective number of elements, from the gradient of KL/N, for N = `n` examples.
    pub(super) fn effective_weights(&self, parts: &[LearnedTensor], n: f64) -> EffectiveWeights {
        let unknown = EffectiveWeights { effective: self.drawn_effective, fallen_back: None };
        let mut scales = parts.iter().filter(|part| part.role == Role::Scale);
        let (Some(scale), None, None) = (scales.next(), scales.next(), self.drawn_effective) else {
            return unknown;
        };
        let weights = self.sd.len();
        if scale.kl.is_empty() || !weights.is_multiple_of(scale.kl.len()) {
            return unknown;
        }
        // A scale may be shared by several elements; ln σ of each then changes with it.
        let sharing = weights / scale.kl.len();
        let each: Vec<f64> = (scale.kl.iter().zip(&scale.log_sd))
            .map(|(kl, log_sd)| {
                let slope = log_sd / sharing as f64;
                // As σ = softplus(ρ) vanishes, ln σ tends to ρ.
                -n * kl / if slope.is_finite() && slope > 0.0 { slope } else { 1.0 }
            })
            .collect();
        let mean = parts.iter().find(|part| part.role == Role::Mean && part.kl.len() == weights);
        let fallen_back = mean.filter(|_| sharing == 1).map(|mean| {
            let gradients = each.iter().zip(&mean.kl).zip(&self.sd);
            gradients.filter(|((settled, kl), sd)| kl_from_gradients(**settled, n * **kl * **sd) < FALLEN_BACK).count()
        });
        EffectiveWeights { effective: Some(each.iter().sum()), fallen_back }
    }
}

/// KL(N(μ, σ²) ‖ N(m, s²)) from its gradients −σ ∂KL/∂σ = 1 − σ²/s² (`settled`) and σ ∂KL/∂μ = σ (μ − m)/s²
/// (`by_mean`).
fn kl_from_gradients(settled: f64, by_mean: f64) -> f64 {
    let variance = 1.0 - settled;
    if variance <= 0.0 {
        return f64::INFINITY;
    }
    0.5 * (variance - 1.0 - variance.ln() + by_mean * by_mean / variance)
}

/// The median; for an even count the mean of the two in the middle. NaN counts as largest.
pub(super) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    let middle = numbers.len() / 2;
    if numbers.is_empty() {
        return None;
    }
    let (below, upper, _) = numbers.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    let lower = below.iter().copied().max_by(f64::total_cmp);
    let is_odd = below.len() * 2 + 1 == numbers.len();
    Some(if is_odd { upper } else { (lower.unwrap_or(upper) + upper) / 2.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradients_determine_the_divergence() {
        for (mean, sd, m, s) in [(0.0, 1.0, 0.0, 1.0), (0.3f64, 0.2f64, -0.1f64, 0.5f64), (2.0, 3.0, 0.0, 1.0)] {
            let exact = (s / sd).ln() + (sd * sd + (mean - m) * (mean - m)) / (2.0 * s * s) - 0.5;
            let found = kl_from_gradients(1.0 - (sd / s).powi(2), sd * (mean - m) / (s * s));
            assert!((found - exact).abs() < 1e-12, "{found} {exact}");
        }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(vec![7.0]), Some(7.0));
        assert_eq!(median(vec![]), None);
    }
}
