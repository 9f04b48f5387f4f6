//! `LogLikelihood`: the pointwise log-likelihood of each example under each draw, for WAIC and PSIS-LOO.

use crate::metrics::log_mean_exp::log_mean_exp;
use crate::metrics::{self, Loo, Waic};

/// ln p of each example's target under each posterior draw, in nats: (draws, examples). The input of WAIC, PSIS-LOO and
/// model comparison (Vehtari, Gelman and Gabry 2017, "Practical Bayesian model evaluation using leave-one-out
/// cross-validation and WAIC", section 2). [`Predict::log_likelihood`](crate::Predict::log_likelihood) computes it.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLikelihood {
    examples: usize,
    nats: Vec<f64>,
}

impl LogLikelihood {
    pub(crate) fn new(examples: usize, nats: Vec<f64>) -> Self {
        LogLikelihood { examples, nats }
    }

    /// The number of draws.
    pub fn draws(&self) -> usize {
        self.nats.len() / self.examples
    }

    /// The number of examples.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// The log-likelihoods of all examples under one draw.
    ///
    /// # Panics
    /// If `draw` is out of range.
    #[track_caller]
    pub fn of_draw(&self, draw: usize) -> &[f64] {
        assert!(draw < self.draws(), "LogLikelihood: draw {draw} (from 0) is out of range for {} draws", self.draws());
        &self.nats[draw * self.examples..][..self.examples]
    }

    /// The log predictive density of each example: ln of the mean over draws of its likelihood.
    pub fn of_prediction(&self) -> Vec<f64> {
        let of = |example: usize| log_mean_exp(self.nats.iter().skip(example).step_by(self.examples).copied());
        (0..self.examples).map(of).collect()
    }

    /// The negative log-likelihood of the predictive distribution, in nats per example.
    pub fn nll(&self) -> f64 {
        -self.of_prediction().iter().sum::<f64>() / self.examples as f64
    }

    /// The negative log-likelihood averaged over draws, in nats per example, as in the evidence lower bound. It is at
    /// least [`nll`](LogLikelihood::nll).
    pub fn expected_nll(&self) -> f64 {
        -self.nats.iter().sum::<f64>() / self.nats.len() as f64
    }

    /// Leave-one-out cross-validation from these draws, by Pareto-smoothed importance sampling: the predictive density
    /// of each example if the model had been fitted to the others. [`metrics::loo`] documents it.
    ///
    /// It is meant for the examples that the posterior was fitted to, and takes the draws for independent ones of the
    /// exact posterior.
    ///
    /// ```
    /// use elbo::prelude::*;
    ///
    /// # let x: Tensor = Tensor::from_fn([60, 2], |i| (0.7 * i as f64).sin());
    /// # let y = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
    /// # let data = Examples::new(x, y)?;
    /// let mut model = Dense::new(2, 2);
    /// Elbo::new(Categorical).optimizer(Adam::new(0.05)).quiet().fit(&mut model, &data, Epochs(30))?;
    /// let loo = model.posterior(Draws(200)).log_likelihood(&Categorical, &data)?.loo();
    /// println!("{loo}"); // elpd, effective parameters, and a verdict
    /// # assert_eq!(loo.pointwise.len(), 60);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn loo(&self) -> Loo {
        metrics::loo(&self.nats, self.draws())
    }

    /// [`loo`](LogLikelihood::loo) for draws of Markov chains with this relative efficiency: their
    /// [`ess_mean`](metrics::ess_mean) divided by the number of draws.
    ///
    /// # Panics
    /// If `r_eff` is not positive and finite.
    #[track_caller]
    pub fn loo_with_r_eff(&self, r_eff: f64) -> Loo {
        metrics::loo_with_r_eff(&self.nats, self.draws(), r_eff)
    }

    /// The widely applicable information criterion from these draws. [`metrics::waic`] documents it;
    /// [`loo`](LogLikelihood::loo) estimates the same and knows where it fails.
    pub fn waic(&self) -> Waic {
        metrics::waic(&self.nats, self.draws())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nll_averages_likelihoods_and_expected_nll_their_logarithms() {
        let of = LogLikelihood::new(2, vec![0.5f64.ln(), -800.0, 0.25f64.ln(), -800.0]);
        assert_eq!((of.draws(), of.of_draw(1)), (2, &[0.25f64.ln(), -800.0][..]));
        assert!((of.of_prediction()[0] - 0.375f64.ln()).abs() < 1e-15);
        assert_eq!(of.of_prediction()[1], -800.0);
        assert!((of.expected_nll() - (800.0 - 0.125f64.ln() / 2.0) / 2.0).abs() < 1e-12);
        assert!(of.nll() < of.expected_nll());
    }

    #[test]
    fn cross_validation_is_that_of_the_table_by_draws() {
        let nats: Vec<f64> = (0..300).map(|i| -1.0 - 0.3 * f64::from(i).sin()).collect();
        let of = LogLikelihood::new(3, nats.clone());
        assert_eq!(of.loo(), metrics::loo(&nats, 100));
        assert_eq!(of.loo_with_r_eff(0.5), metrics::loo_with_r_eff(&nats, 100, 0.5));
        assert_eq!(of.waic(), metrics::waic(&nats, 100));
        let seen: f64 = of.of_prediction().iter().sum();
        assert!((seen - of.loo().elpd - of.loo().effective_parameters).abs() < 1e-12);
    }
}
