//! Likelihoods of counts: Poisson, negative binomial, binomial.

use statrs::function::{beta, gamma};

use crate::engine::{Real, Reduction, Var};
use crate::likelihood::elementwise::{Elementwise, elementwise_likelihood, is_count};
use crate::predictive::Univariate;

/// Counts 0, 1, 2, .. with the output as the logarithm of their mean. The variance equals the mean.
///
/// Counts over different times or areas, the exposures e, have the mean e · rate: add ln e to the output in the model's
/// forward. The exposure is a column of the inputs, so that it is known for predictions too:
///
/// ```
/// # use elbo::prelude::*;
/// #[bayesian]
/// struct Rate {
///     log_rate: Dense,
/// }
///
/// #[bayesian]
/// impl Rate {
///     /// Inputs: three features, then the exposure.
///     fn forward(&self, x: Var) -> Var {
///         let [features, exposure] = x.split(-1, [3, 1]);
///         self.log_rate.forward(features) + exposure.ln()
///     }
/// }
/// # let (x, y) = (Tensor::from_fn([32, 4], |i| 1.0 + i as f64 % 3.0), Tensor::from_fn([32, 1], |i| i as f64 % 4.0));
/// # let data = Examples::new(x, y)?;
/// let mut model = Rate { log_rate: Dense::new(3, 1) };
/// Elbo::new(elbo::Poisson).quiet().fit(&mut model, &data, Epochs(2))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Poisson;

/// Counts with more variance than [`Poisson`]'s: mean μ and variance μ + μ²/r, with ln μ and ln r, the dispersion, from
/// the outputs. For D elements of a target an example has 2D outputs: D values of ln μ, then D of ln r. Append one r for
/// all examples with [`WithConstants`](crate::nn::WithConstants). The limit for large r is [`Poisson`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NegativeBinomial;

/// Numbers of successes in n trials, with the logit of the probability of success as output.
///
/// Make it with the number of trials if that is the same for all examples, or [by row](Binomial::by_row).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binomial {
    trials: u64,
}

/// [`Binomial`] with a number of trials for each element, as an output after the logits. See [`Binomial::by_row`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BinomialByRow;

impl Binomial {
    /// The same number of trials for every element.
    ///
    /// # Panics
    /// If it is 0, or above 2^53.
    #[track_caller]
    pub fn new(trials: u64) -> Self {
        assert!(trials > 0 && trials <= 1 << 53, "Binomial: the number of trials must be 1 to 2^53, got {trials}");
        Binomial { trials }
    }

    /// For numbers of trials that differ: for D elements of a target an example has 2D outputs, D logits and then D
    /// numbers of trials. The model's forward passes these on from a column of its inputs:
    /// `Var::concat(&[logits, trials], -1)`.
    pub fn by_row() -> BinomialByRow {
        BinomialByRow
    }
}

elementwise_likelihood!(Poisson: 1, NegativeBinomial: 2, Binomial: 1, BinomialByRow: 2);

impl Elementwise<1> for Poisson {
    const NAME: &'static str = "Poisson";
    const PARAMETERS: [&'static str; 1] = ["log mean"];
    const SUPPORT: &'static str = "whole numbers of at least 0";

    fn supports(&self, y: f64) -> bool {
        is_count(y)
    }

    #[track_caller]
    fn log_density<'t, T: Real>(&self, [log_mean]: [Var<'t, T>; 1], y: Var<'t, T>) -> Var<'t, T> {
        -log_mean.poisson_nll(y, Reduction::Each)
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

    fn cdf(&self, log_mean: &[f64], y: f64) -> f64 {
        poisson_cdf(log_mean[0].exp(), y)
    }
}

fn poisson_cdf(mean: f64, y: f64) -> f64 {
    match (y, mean) {
        (y, _) if y < 0.0 => 0.0,
        (_, 0.0) => 1.0,
        (y, mean) => gamma::gamma_ur(y.floor() + 1.0, mean),
    }
}

impl Elementwise<2> for NegativeBinomial {
    const NAME: &'static str = "NegativeBinomial";
    const PARAMETERS: [&'static str; 2] = ["log mean", "log dispersion"];
    const SUPPORT: &'static str = "whole numbers of at least 0";

    fn supports(&self, y: f64) -> bool {
        is_count(y)
    }

    #[track_caller]
    fn log_density<'t, T: Real>(&self, [log_mean, ln_r]: [Var<'t, T>; 2], y: Var<'t, T>) -> Var<'t, T> {
        -log_mean.negative_binomial_nll_with_dispersion(y, ln_r.exp(), Reduction::Each)
    }
}

/// From this dispersion relative to the mean on, the distribution function is the Poisson distribution's to 1e-12.
const NEARLY_POISSON: f64 = 1e13;

impl Univariate for NegativeBinomial {
    const DISCRETE: bool = true;

    fn num_outputs(&self) -> usize {
        2
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        outputs[0].exp()
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        let mean = outputs[0].exp();
        mean + (2.0 * outputs[0] - outputs[1]).exp()
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        let (mean, r) = (outputs[0].exp(), outputs[1].exp());
        if y < 0.0 {
            return 0.0;
        }
        if mean == 0.0 || r > NEARLY_POISSON * mean.max(1.0) {
            return poisson_cdf(mean, y);
        }
        beta::beta_reg(r, y.floor() + 1.0, r / (r + mean))
    }
}

/// ln of the binomial coefficient, for data.
fn ln_choose(n: f64, y: f64) -> f64 {
    gamma::ln_gamma(n + 1.0) - gamma::ln_gamma(y + 1.0) - gamma::ln_gamma(n - y + 1.0)
}

fn binomial_log_density<'t, T: Real>(logit: Var<'t, T>, y: Var<'t, T>, trials: Var<'t, T>) -> Var<'t, T> {
    let (tape, shape) = (logit.tape(), y.shape());
    let (n, counts) = (trials.value(), y.value());
    let each = y.len();
    let constant = tape.constant(shape, |i| T::from_f64(ln_choose(n[i % n.len()].to_f64(), counts[i % each].to_f64())));
    constant - y * (-logit).softplus() - (trials - y) * logit.softplus()
}

impl Elementwise<1> for Binomial {
    const NAME: &'static str = "Binomial";
    const PARAMETERS: [&'static str; 1] = ["logit"];
    const SUPPORT: &'static str = "whole numbers from 0 to the number of trials";

    fn supports(&self, y: f64) -> bool {
        is_count(y) && y <= self.trials as f64
    }

    fn log_density<'t, T: Real>(&self, [logit]: [Var<'t, T>; 1], y: Var<'t, T>) -> Var<'t, T> {
        let trials = logit.tape().constant(y.shape(), |_| T::from_f64(self.trials as f64));
        binomial_log_density(logit, y, trials)
    }
}

impl Univariate for Binomial {
    const DISCRETE: bool = true;

    fn mean(&self, logit: &[f64]) -> f64 {
        BinomialByRow.mean(&[logit[0], self.trials as f64])
    }

    fn variance(&self, logit: &[f64]) -> f64 {
        BinomialByRow.variance(&[logit[0], self.trials as f64])
    }

    fn cdf(&self, logit: &[f64], y: f64) -> f64 {
        BinomialByRow.cdf(&[logit[0], self.trials as f64], y)
    }
}

impl Elementwise<2> for BinomialByRow {
    const NAME: &'static str = "Binomial::by_row";
    const PARAMETERS: [&'static str; 2] = ["logit", "number of trials"];
    const SUPPORT: &'static str = "whole numbers of at least 0, and at most the number of trials";

    fn supports(&self, y: f64) -> bool {
        is_count(y)
    }

    fn log_density<'t, T: Real>(&self, [logit, trials]: [Var<'t, T>; 2], y: Var<'t, T>) -> Var<'t, T> {
        binomial_log_density(logit, y, trials.stop_gradient())
    }
}

impl Univariate for BinomialByRow {
    const DISCRETE: bool = true;

    fn num_outputs(&self) -> usize {
        2
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        outputs[1] / (1.0 + (-outputs[0]).exp())
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        self.mean(outputs) / (1.0 + outputs[0].exp())
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        let (trials, y) = (outputs[1], y.floor());
        match y {
            y if y < 0.0 => 0.0,
            y if y >= trials => 1.0,
            y => beta::beta_reg(trials - y, y + 1.0, 1.0 / (1.0 + outputs[0].exp())),
        }
    }
}
