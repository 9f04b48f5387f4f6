//! Beta regression: targets strictly between 0 and 1, such as shares and rates.

use statrs::function::{beta, gamma};

use crate::engine::{Real, Var};
use crate::likelihood::elementwise::{Elementwise, elementwise_likelihood};
use crate::predictive::Univariate;

/// p(y) = Beta(y; μφ, (1 − μ)φ) for targets strictly between 0 and 1, with the logit of the mean μ and the logarithm of the
/// precision φ from the outputs (Ferrari and Cribari-Neto 2004, "Beta Regression for Modelling Rates and Proportions").
/// The variance is μ(1 − μ)/(1 + φ).
///
/// For D elements of a target an example has 2D outputs: D logits of means, then D log precisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BetaRegression;

elementwise_likelihood!(BetaRegression: 2);

impl Elementwise<2> for BetaRegression {
    const NAME: &'static str = "BetaRegression";
    const PARAMETERS: [&'static str; 2] = ["logit of the mean", "log precision"];
    const SUPPORT: &'static str = "strictly between 0 and 1";

    fn supports(&self, y: f64) -> bool {
        y > 0.0 && y < 1.0
    }

    fn log_density<'t, T: Real>(&self, [logit, ln_precision]: [Var<'t, T>; 2], y: Var<'t, T>) -> Var<'t, T> {
        let precision = ln_precision.exp();
        let [a, b] = [logit, -logit].map(|logit| (logit.log_sigmoid() + ln_precision).exp());
        let normaliser = precision.ln_gamma() - a.ln_gamma() - b.ln_gamma();
        normaliser + a.scale_shift(1.0, -1.0) * y.ln() + b.scale_shift(1.0, -1.0) * (-y).ln_1p()
    }
}

/// The two shape parameters.
fn shapes(outputs: &[f64]) -> [f64; 2] {
    let precision = outputs[1].exp();
    [precision / (1.0 + (-outputs[0]).exp()), precision / (1.0 + outputs[0].exp())]
}

impl Univariate for BetaRegression {
    fn num_outputs(&self) -> usize {
        2
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        1.0 / (1.0 + (-outputs[0]).exp())
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        self.mean(outputs) / (1.0 + outputs[0].exp()) / (1.0 + outputs[1].exp())
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        match y {
            y if y <= 0.0 => 0.0,
            y if y >= 1.0 => 1.0,
            y => {
                let [a, b] = shapes(outputs);
                beta::beta_reg(a, b, y)
            }
        }
    }

    fn entropy(&self, outputs: &[f64]) -> Option<f64> {
        let [a, b] = shapes(outputs);
        let slopes = [(a - 1.0, a), (b - 1.0, b), (2.0 - a - b, a + b)];
        let expected: f64 = slopes.iter().map(|(factor, x)| factor * gamma::digamma(*x)).sum();
        Some(beta::ln_beta(a, b) - expected)
    }
}
