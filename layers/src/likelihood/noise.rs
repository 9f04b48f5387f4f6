//! Likelihoods of real targets with noise whose scale is an output of the network: normal, Laplace, log-normal, Student-t.

use std::f64::consts::{LN_2, SQRT_2, TAU};

use statrs::function::{beta, gamma};

use crate::engine::{Real, Reduction, Var};
use crate::likelihood::elementwise::{Elementwise, elementwise_likelihood};
use crate::predictive::Univariate;

/// p(y) = N(mean, sd²), with the mean and ln sd from the outputs: noise that differs by input ("heteroscedastic";
/// Nix and Weigend 1994, "Estimating the mean and variance of the target probability distribution").
///
/// For D elements of a target an example has 2D outputs: D means, then D values of ln sd. For one standard deviation of
/// all examples that is learned, append it with [`WithConstants`](crate::nn::WithConstants).
///
/// Bound the hidden units of a network with several layers, for example by `tanh`. With relu the output ln sd is a product of
/// normal weights of two layers or more, 1/sd² = e^(−2 ln sd) then has no expectation, and the bound is −∞: estimates of it
/// are finite, but rare draws dominate them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeteroscedasticGaussian;

/// p(y) = e^(−|y − location|/scale)/(2 scale), with the location and ln scale from the outputs, in blocks as those of
/// [`HeteroscedasticGaussian`]: noise with heavier tails than the normal distribution's. The location is the median.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaplaceNoise;

/// ln y ~ N(mean, sd²) for positive targets, with the mean of ln y and ln sd from the outputs, in blocks as those of
/// [`HeteroscedasticGaussian`]: multiplicative noise. The median of y is e^mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogNormalNoise;

/// Student's t-distribution with fixed degrees of freedom, with the location and ln scale from the outputs, in blocks as
/// those of [`HeteroscedasticGaussian`]: robust to outliers (Lange, Little and Taylor 1989). The standard deviation is
/// scale · √(ν/(ν − 2)), infinite for ν ≤ 2; the mean is undefined for ν ≤ 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StudentTNoise {
    df: f64,
}

impl StudentTNoise {
    /// With ν = `df` degrees of freedom; 4 is a usual choice.
    ///
    /// # Panics
    /// If they are not positive and finite.
    #[track_caller]
    pub fn new(df: f64) -> Self {
        assert!(
            df > 0.0 && df.is_finite(),
            "StudentTNoise: the degrees of freedom must be positive and finite, got {df}"
        );
        StudentTNoise { df }
    }

    /// The degrees of freedom.
    pub fn df(&self) -> f64 {
        self.df
    }
}

elementwise_likelihood!(HeteroscedasticGaussian: 2, LaplaceNoise: 2, LogNormalNoise: 2, StudentTNoise: 2);

/// −½z² − ln sd − ½ ln 2π with z = (y − mean)/sd.
pub(super) fn log_normal_density<'t, T: Real>(mean: Var<'t, T>, ln_sd: Var<'t, T>, y: Var<'t, T>) -> Var<'t, T> {
    let z = (y - mean) * (-ln_sd).exp();
    z.square().scale_shift(-0.5, -0.5 * TAU.ln()) - ln_sd
}

/// The standard normal distribution function.
pub(super) fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / SQRT_2)
}

impl Elementwise<2> for HeteroscedasticGaussian {
    const NAME: &'static str = "HeteroscedasticGaussian";
    const PARAMETERS: [&'static str; 2] = ["mean", "log standard deviation"];
    const SUPPORT: &'static str = "finite";

    fn supports(&self, y: f64) -> bool {
        y.is_finite()
    }

    fn log_density<'t, T: Real>(&self, [mean, ln_sd]: [Var<'t, T>; 2], y: Var<'t, T>) -> Var<'t, T> {
        log_normal_density(mean, ln_sd, y)
    }

    fn fisher_information(&self, [_, ln_sd]: [f64; 2]) -> Option<[f64; 2]> {
        Some([(-2.0 * ln_sd).exp(), 2.0])
    }
}

impl Univariate for HeteroscedasticGaussian {
    fn num_outputs(&self) -> usize {
        2
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        outputs[0]
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        (2.0 * outputs[1]).exp()
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        normal_cdf((y - outputs[0]) / outputs[1].exp())
    }

    fn normal(&self, outputs: &[f64]) -> Option<[f64; 2]> {
        Some([outputs[0], outputs[1].exp()])
    }

    fn entropy(&self, outputs: &[f64]) -> Option<f64> {
        Some(0.5 + 0.5 * TAU.ln() + outputs[1])
    }
}

impl Elementwise<2> for LaplaceNoise {
    const NAME: &'static str = "LaplaceNoise";
    const PARAMETERS: [&'static str; 2] = ["location", "log scale"];
    const SUPPORT: &'static str = "finite";

    fn supports(&self, y: f64) -> bool {
        y.is_finite()
    }

    fn log_density<'t, T: Real>(&self, [location, ln_scale]: [Var<'t, T>; 2], y: Var<'t, T>) -> Var<'t, T> {
        -(((y - location) * (-ln_scale).exp()).abs() + ln_scale.scale_shift(1.0, LN_2))
    }

    fn fisher_information(&self, [_, ln_scale]: [f64; 2]) -> Option<[f64; 2]> {
        Some([(-2.0 * ln_scale).exp(), 1.0])
    }
}

impl Univariate for LaplaceNoise {
    fn num_outputs(&self) -> usize {
        2
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        outputs[0]
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        2.0 * (2.0 * outputs[1]).exp()
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        let z = (y - outputs[0]) / outputs[1].exp();
        if z < 0.0 { 0.5 * z.exp() } else { 1.0 - 0.5 * (-z).exp() }
    }

    fn quantile(&self, outputs: &[f64], probability: f64) -> f64 {
        let tail = probability.min(1.0 - probability);
        outputs[0] + outputs[1].exp() * (2.0 * tail).ln() * if probability < 0.5 { 1.0 } else { -1.0 }
    }

    fn entropy(&self, outputs: &[f64]) -> Option<f64> {
        Some(1.0 + LN_2 + outputs[1])
    }
}

impl Elementwise<2> for LogNormalNoise {
    const NAME: &'static str = "LogNormalNoise";
    const PARAMETERS: [&'static str; 2] = ["mean of the logarithm", "log standard deviation of the logarithm"];
    const SUPPORT: &'static str = "positive and finite";

    fn supports(&self, y: f64) -> bool {
        y > 0.0 && y.is_finite()
    }

    fn log_density<'t, T: Real>(&self, [mean, ln_sd]: [Var<'t, T>; 2], y: Var<'t, T>) -> Var<'t, T> {
        let ln_y = y.ln();
        log_normal_density(mean, ln_sd, ln_y) - ln_y
    }

    fn fisher_information(&self, [_, ln_sd]: [f64; 2]) -> Option<[f64; 2]> {
        Some([(-2.0 * ln_sd).exp(), 2.0])
    }
}

impl Univariate for LogNormalNoise {
    fn num_outputs(&self) -> usize {
        2
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        (outputs[0] + 0.5 * (2.0 * outputs[1]).exp()).exp()
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        let variance = (2.0 * outputs[1]).exp();
        variance.exp_m1() * (2.0 * outputs[0] + variance).exp()
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        if y > 0.0 { normal_cdf((y.ln() - outputs[0]) / outputs[1].exp()) } else { 0.0 }
    }

    fn entropy(&self, outputs: &[f64]) -> Option<f64> {
        Some(outputs[0] + 0.5 + 0.5 * TAU.ln() + outputs[1])
    }
}

impl Elementwise<2> for StudentTNoise {
    const NAME: &'static str = "StudentTNoise";
    const PARAMETERS: [&'static str; 2] = ["location", "log scale"];
    const SUPPORT: &'static str = "finite";

    fn supports(&self, y: f64) -> bool {
        y.is_finite()
    }

    #[track_caller]
    fn log_density<'t, T: Real>(&self, [location, ln_scale]: [Var<'t, T>; 2], y: Var<'t, T>) -> Var<'t, T> {
        -location.student_t_nll(y, ln_scale.exp(), self.df, Reduction::Each)
    }

    /// Lange, Little and Taylor 1989, appendix B.
    fn fisher_information(&self, [_, ln_scale]: [f64; 2]) -> Option<[f64; 2]> {
        let df = self.df;
        Some([(df + 1.0) / (df + 3.0) * (-2.0 * ln_scale).exp(), 2.0 * df / (df + 3.0)])
    }
}

impl Univariate for StudentTNoise {
    fn num_outputs(&self) -> usize {
        2
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        if self.df > 1.0 { outputs[0] } else { f64::NAN }
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        match self.df {
            df if df > 2.0 => (2.0 * outputs[1]).exp() * df / (df - 2.0),
            df if df > 1.0 => f64::INFINITY,
            _ => f64::NAN,
        }
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        let (t, df) = ((y - outputs[0]) / outputs[1].exp(), self.df);
        if t == 0.0 {
            return 0.5;
        }
        // The form with the smaller argument keeps its digits.
        let square = t * t;
        let tail = if square < df {
            0.5 - 0.5 * beta::beta_reg(0.5, 0.5 * df, square / (df + square))
        } else {
            0.5 * beta::beta_reg(0.5 * df, 0.5, df / (df + square))
        };
        if t < 0.0 { tail } else { 1.0 - tail }
    }

    fn entropy(&self, outputs: &[f64]) -> Option<f64> {
        let (half, next) = (0.5 * self.df, 0.5 * (self.df + 1.0));
        let normaliser = 0.5 * self.df.ln() + beta::ln_beta(half, 0.5);
        Some(next * (gamma::digamma(next) - gamma::digamma(half)) + normaliser + outputs[1])
    }
}
