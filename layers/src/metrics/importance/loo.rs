//! Leave-one-out cross-validation by Pareto-smoothed importance sampling.

use std::fmt;

use super::pointwise::{for_each_example, sum_with_error};
use super::psis::{LARGEST_GOOD, check_r_eff, smooth, threshold};
use crate::metrics::log_mean_exp::log_mean_exp;

/// Leave-one-out cross-validation of N examples from S posterior draws, from [`loo`]. Prints as a short table with a
/// verdict.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Loo {
    /// The expected log predictive density of new examples, Σ_i ln p(y_i | all others), in nats. Larger is better.
    pub elpd: f64,
    /// The standard error of [`elpd`](Loo::elpd) over examples, in nats.
    pub standard_error: f64,
    /// The effective number of parameters, p_loo: how much better the draws predict the examples they have seen. If it
    /// exceeds the number of parameters or a good part of N, the model is too flexible or misspecified.
    pub effective_parameters: f64,
    /// ln p(y_i | all others) of each example, in nats: the terms of [`elpd`](Loo::elpd).
    pub pointwise: Vec<f64>,
    /// k̂ of each example's importance weights, as in [`Psis`](super::Psis): large for examples that the
    /// posterior depends on much.
    pub k_hats: Vec<f64>,
    /// The number of draws.
    pub draws: usize,
}

/// Leave-one-out cross-validation from the log-likelihood of each example under each of S independent posterior draws,
/// without fitting again: for each example, the draws are weighted by Pareto-smoothed 1 / p(y_i | θ).
///
/// `log_likelihood` is row-major (S, N), in nats, as in [`LogLikelihood`](crate::LogLikelihood), whose method
/// [`loo`](crate::LogLikelihood::loo) this is. Vehtari, Gelman and Gabry 2017, "Practical Bayesian model evaluation
/// using leave-one-out cross-validation and WAIC", section 2.2; smoothing as [`psis`](super::psis).
///
/// The examples must be independent given the weights, and those that the posterior was fitted to. An approximate
/// posterior is taken for the exact one: k̂ does not show the error of a variational approximation.
///
/// An example with probability 0 under a draw has −∞, and k̂ = ∞; NaN where a log-likelihood is NaN.
///
/// ```
/// # use elbo::metrics;
/// // 100 draws of 2 examples.
/// let log_likelihood: Vec<f64> = (0..200).map(|i| -1.0 - 0.3 * (i as f64).sin()).collect();
/// let loo = metrics::loo(&log_likelihood, 100);
/// assert_eq!(loo.pointwise.iter().sum::<f64>(), loo.elpd);
/// println!("{loo}");
/// ```
///
/// # Panics
/// If there are no log-likelihoods, or they are not `draws` rows of equal lengths.
#[track_caller]
pub fn loo(log_likelihood: &[f64], draws: usize) -> Loo {
    loo_with_r_eff(log_likelihood, draws, 1.0)
}

/// [`loo`] for draws of Markov chains with this relative efficiency, as for
/// [`psis_with_r_eff`](super::psis_with_r_eff).
///
/// # Panics
/// As [`loo`], and if `r_eff` is not positive and finite.
#[track_caller]
pub fn loo_with_r_eff(log_likelihood: &[f64], draws: usize, r_eff: f64) -> Loo {
    check_r_eff("loo_with_r_eff", r_eff);
    let of_examples = for_each_example("loo", log_likelihood, draws, |nats| {
        let mut weights: Vec<f64> = nats.iter().map(|x| -x).collect();
        let k_hat = smooth(&mut weights, r_eff);
        weights.iter_mut().zip(nats).for_each(|(weight, x)| *weight += x);
        // The sum, for the weights have the sum 1.
        let left_out = log_mean_exp(weights.iter().copied()) + (draws as f64).ln();
        (left_out, k_hat, log_mean_exp(nats.iter().copied()))
    });
    let pointwise: Vec<f64> = of_examples.iter().map(|(left_out, ..)| *left_out).collect();
    let (elpd, standard_error) = sum_with_error(&pointwise);
    Loo {
        elpd,
        standard_error,
        effective_parameters: of_examples.iter().map(|(left_out, _, seen)| seen - left_out).sum(),
        pointwise,
        k_hats: of_examples.iter().map(|(_, k_hat, _)| *k_hat).collect(),
        draws,
    }
}

impl Loo {
    /// Below this an example's k̂ is good: min(1 − 1/log₁₀ S, 0.7), as [`Psis::threshold`](super::Psis::threshold).
    pub fn threshold(&self) -> f64 {
        threshold(self.draws)
    }

    /// The examples whose k̂ is not below [`threshold`](Loo::threshold), by index from 0.
    pub fn unreliable(&self) -> Vec<usize> {
        let is_bad = |k_hat: f64| k_hat.is_nan() || k_hat >= self.threshold();
        (0..self.k_hats.len()).filter(|&example| is_bad(self.k_hats[example])).collect()
    }

    /// In words: for how many examples k̂ is too large, and what to do.
    pub fn verdict(&self) -> String {
        let (threshold, examples, bad) = (self.threshold(), self.k_hats.len(), self.unreliable());
        // NaN ranks above all numbers here.
        let Some(worst) = bad.iter().copied().max_by(|&i, &j| self.k_hats[i].abs().total_cmp(&self.k_hats[j].abs()))
        else {
            return format!("good: k_hat is below {threshold:.2} for all {examples} examples");
        };
        let largest = self.k_hats[worst];
        let found = format!(
            "unreliable: k_hat is not below {threshold:.2} for {} of {examples} examples (largest {largest:.2}, \
             example {worst} from 0)",
            bad.len()
        );
        let are_too_few = self.k_hats.iter().all(|k_hat| *k_hat == f64::INFINITY);
        if largest < LARGEST_GOOD || are_too_few {
            return format!("{found}; take more than {} draws", self.draws);
        }
        format!(
            "{found}; fit again without these, or use K-fold cross-validation, and look whether the model can explain \
             them"
        )
    }
}

impl fmt::Display for Loo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loo { elpd, standard_error, effective_parameters, k_hats, draws, .. } = self;
        writeln!(f, "PSIS-LOO of {} examples from {draws} draws, in nats", k_hats.len())?;
        writeln!(f, "  elpd                  {elpd:>12.2} ± {standard_error:.2}")?;
        writeln!(f, "  effective parameters  {effective_parameters:>12.2}")?;
        writeln!(f, "{}", self.verdict())
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::engine::random::{Key, normals};
    use crate::metrics::waic;

    fn log_density(x: f64, mean: f64, variance: f64) -> f64 {
        -0.5 * ((x - mean).powi(2) / variance + (TAU * variance).ln())
    }

    /// Normal observations with variance 1 of a mean with a flat prior: the posterior is a normal around the average
    /// with variance 1/N, and so it is without an example.
    #[test]
    fn loo_and_waic_agree_with_exact_cross_validation_of_a_normal_mean() {
        let y: Vec<f64> = (0..40).map(|i| (f64::from(i) * 1.7).sin() * 1.4).collect();
        let n = y.len() as f64;
        let average = y.iter().sum::<f64>() / n;
        let mut means = vec![0.0; 4000];
        normals(Key::new(8), 0, &mut means);
        means.iter_mut().for_each(|mean| *mean = average + *mean / n.sqrt());
        let log_likelihood: Vec<f64> =
            means.iter().flat_map(|mean| y.iter().map(move |y| log_density(*y, *mean, 1.0))).collect();
        let found = loo(&log_likelihood, 4000);
        let of_others = |y: &f64| log_density(*y, (n * average - y) / (n - 1.0), n / (n - 1.0));
        let exact: Vec<f64> = y.iter().map(of_others).collect();
        for (found, exact) in found.pointwise.iter().zip(&exact) {
            assert!((found - exact).abs() < 0.01, "{found}, {exact}");
        }
        assert!((found.elpd - exact.iter().sum::<f64>()).abs() < 0.05);
        assert!(found.effective_parameters > 0.7 && found.effective_parameters < 1.3);
        assert!(found.unreliable().is_empty(), "{found}");
        let criterion = waic(&log_likelihood, 4000);
        assert!((criterion.elpd - found.elpd).abs() < 0.02, "{criterion}{found}");
    }

    #[test]
    fn an_example_that_a_draw_excludes_is_impossible() {
        let mut log_likelihood: Vec<f64> = (0..200).map(|i| -1.0 - 0.3 * f64::from(i).sin()).collect();
        log_likelihood[7] = f64::NEG_INFINITY;
        let found = loo(&log_likelihood, 100);
        assert_eq!(
            (found.pointwise[1], found.k_hats[1], found.elpd),
            (f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY)
        );
        assert_eq!(found.unreliable(), [1]);
        log_likelihood[7] = f64::NAN;
        let found = loo(&log_likelihood, 100);
        assert!(found.pointwise[1].is_nan() && found.pointwise[0].is_finite() && found.unreliable() == [1]);
    }

    #[test]
    fn it_prints_a_table_and_what_to_do() {
        let mut found = Loo {
            elpd: -7.844,
            standard_error: 0.949,
            effective_parameters: 0.603,
            pointwise: vec![-3.0, -4.844],
            k_hats: vec![0.35, 0.2],
            draws: 100,
        };
        assert_eq!(
            found.to_string(),
            "PSIS-LOO of 2 examples from 100 draws, in nats\n  elpd                         -7.84 ± 0.95\n  effective \
             parameters          0.60\ngood: k_hat is below 0.50 for all 2 examples\n"
        );
        found.k_hats[1] = 0.6;
        assert_eq!(
            found.verdict(),
            "unreliable: k_hat is not below 0.50 for 1 of 2 examples (largest 0.60, example 1 from 0); take more than \
             100 draws"
        );
        found.k_hats[0] = 0.9;
        assert!(found.verdict().contains("2 of 2 examples (largest 0.90, example 0 from 0); fit again"));
        assert!(
            loo(&[-1.0, -2.0, -1.1, -2.2], 2)
                .verdict()
                .ends_with("(largest inf, example 1 from 0); take more than 2 draws")
        );
    }
}
