//! The widely applicable information criterion.

use std::fmt;

use super::pointwise::{for_each_example, sum_with_error};
use crate::metrics::log_mean_exp::log_mean_exp;

/// Examples whose log-likelihood varies more over draws are not approximated well (Vehtari et al. 2017, section 2.3).
const LARGEST_VARIANCE: f64 = 0.4;

/// The widely applicable information criterion of N examples from S posterior draws, from [`waic`]. Prints as a short
/// table with a verdict.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Waic {
    /// The expected log predictive density of new examples, in nats: larger is better. WAIC on the scale of a deviance
    /// is −2 times this.
    pub elpd: f64,
    /// The standard error of [`elpd`](Waic::elpd) over examples, in nats.
    pub standard_error: f64,
    /// The effective number of parameters, p_waic: the sum of [`variances`](Waic::variances).
    pub effective_parameters: f64,
    /// The contribution of each example to [`elpd`](Waic::elpd), in nats.
    pub pointwise: Vec<f64>,
    /// The variance over draws of each example's log-likelihood.
    pub variances: Vec<f64>,
    /// The number of draws.
    pub draws: usize,
}

/// The widely applicable information criterion, from the log-likelihood of each example under each of S posterior
/// draws: Σ_i ln E p(y_i | θ) − Var ln p(y_i | θ), with the divisor S. It approximates [`loo`](super::loo), which is
/// more robust and knows where it fails; prefer that.
///
/// `log_likelihood` is row-major (S, N), in nats, as in [`LogLikelihood`](crate::LogLikelihood), whose method
/// [`waic`](crate::LogLikelihood::waic) this is. Watanabe 2010, "Asymptotic Equivalence of Bayes Cross Validation and
/// Widely Applicable Information Criterion in Singular Learning Theory"; Vehtari, Gelman and Gabry 2017, section 2.3.
///
/// An example whose log-likelihood is −∞ or NaN under a draw has NaN.
///
/// ```
/// # use elbo::metrics;
/// // 100 draws of 2 examples.
/// let log_likelihood: Vec<f64> = (0..200).map(|i| -1.0 - 0.3 * (i as f64).sin()).collect();
/// let waic = metrics::waic(&log_likelihood, 100);
/// assert!((waic.elpd - metrics::loo(&log_likelihood, 100).elpd).abs() < 0.01);
/// println!("{waic}");
/// ```
///
/// # Panics
/// If there are no log-likelihoods, or they are not `draws` rows of equal lengths.
#[track_caller]
pub fn waic(log_likelihood: &[f64], draws: usize) -> Waic {
    let of_examples = for_each_example("waic", log_likelihood, draws, |nats| {
        let mean = nats.iter().sum::<f64>() / draws as f64;
        let variance = nats.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws as f64;
        (log_mean_exp(nats.iter().copied()) - variance, variance)
    });
    let (pointwise, variances): (Vec<f64>, Vec<f64>) = of_examples.into_iter().unzip();
    let (elpd, standard_error) = sum_with_error(&pointwise);
    Waic { elpd, standard_error, effective_parameters: variances.iter().sum(), pointwise, variances, draws }
}

impl Waic {
    /// The examples whose log-likelihood has a variance over draws above 0.4, by index from 0: there the criterion may
    /// be far off.
    pub fn unreliable(&self) -> Vec<usize> {
        let is_bad = |variance: f64| variance.is_nan() || variance > LARGEST_VARIANCE;
        (0..self.variances.len()).filter(|&example| is_bad(self.variances[example])).collect()
    }

    /// In words: for how many examples the variance is too large, and what to do.
    pub fn verdict(&self) -> String {
        let (bad, examples) = (self.unreliable().len(), self.variances.len());
        if bad == 0 {
            return format!(
                "good: the log-likelihood's variance over draws is at most 0.4 for all {examples} examples"
            );
        }
        format!(
            "unreliable: the log-likelihood's variance over draws is above 0.4 for {bad} of {examples} examples; use \
             PSIS-LOO (`loo`)"
        )
    }
}

impl fmt::Display for Waic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Waic { elpd, standard_error, effective_parameters, variances, draws, .. } = self;
        writeln!(f, "WAIC of {} examples from {draws} draws, in nats", variances.len())?;
        writeln!(f, "  elpd                  {elpd:>12.2} ± {standard_error:.2}")?;
        writeln!(f, "  effective parameters  {effective_parameters:>12.2}")?;
        writeln!(f, "{}", self.verdict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_by_hand() {
        // Likelihoods 1/2 and 1/8, and 1/4 twice: half the difference of the logarithms, squared.
        let found = waic(&[0.5f64.ln(), 0.25f64.ln(), 0.125f64.ln(), 0.25f64.ln()], 2);
        let variance = 2f64.ln().powi(2);
        assert!((found.variances[0] - variance).abs() < 1e-15 && found.variances[1] == 0.0);
        assert!((found.pointwise[0] - (0.3125f64.ln() - variance)).abs() < 1e-15);
        assert!((found.elpd - (0.3125f64.ln() + 0.25f64.ln() - variance)).abs() < 1e-15);
        assert!((found.effective_parameters - variance).abs() < 1e-15);
        assert_eq!(found.unreliable(), [0]);
        assert!(found.to_string().starts_with("WAIC of 2 examples from 2 draws, in nats\n"));
        assert!(found.verdict().contains("1 of 2 examples; use PSIS-LOO"));
    }

    #[test]
    fn impossible_examples_are_reported() {
        let found = waic(&[-1.0, f64::NEG_INFINITY, -1.1, -1.0], 2);
        assert!(found.pointwise[1].is_nan() && found.unreliable() == [1]);
    }
}
