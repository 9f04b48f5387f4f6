//! A user-defined likelihood: the Poisson distribution of counts.

use bayes::engine::Reduction;
use bayes::metrics::Mixture;
use bayes::{Likelihood, Outputs, Real, Tensor, Univariate, Var};

/// The Poisson likelihood of counts; the model's output is the logarithm of the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poisson;

impl<T: Real> Likelihood<T> for Poisson {
    type Targets = Tensor<T>;
    type Predictive = Mixture<Self>;

    fn log_likelihood<'t>(&self, log_mean: Var<'t, T>, counts: &'t Tensor<T>) -> Var<'t, T> {
        -log_mean.poisson_nll(log_mean.tape().input(counts), Reduction::Each)
    }
    fn predictive(&self, outputs: &Outputs<T>) -> Mixture<Self> {
        Mixture::new(*self, outputs)
    }
}

impl Univariate for Poisson {
    const DISCRETE: bool = true;
    fn mean(&self, log_mean: &[f64]) -> f64 {
        log_mean[0].exp()
    }
    fn variance(&self, log_mean: &[f64]) -> f64 {
        log_mean[0].exp()
    }
    fn cdf(&self, log_mean: &[f64], count: f64) -> f64 {
        let counts = std::iter::successors(Some(0.0), |k| Some(k + 1.0)).take_while(|k| *k <= count);
        let next = |ln_p: &mut f64, k: f64| Some(std::mem::replace(ln_p, *ln_p + log_mean[0] - (k + 1.0).ln()).exp());
        counts.scan(-self.mean(log_mean), next).sum()
    }
}
