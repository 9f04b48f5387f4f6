//! `TemperaturePosterior`: the posterior over the temperature, and predictions averaged over it.

use super::temperature_nll::{Labelled, Nll, minimise};
use super::{CalibrationError, LogitsOfDraws};
use crate::metrics::Probabilities;
use crate::metrics::log_mean_exp::log_mean_exp;

/// The distance of nodes, in standard deviations of Laplace's approximation. The trapezoidal rule is then exact to rounding for a
/// normal density.
const SPACING: f64 = 0.5;

/// Nodes reach out to where the density has fallen by this many nats.
const FALL: f64 = 30.0;

/// The most nodes on either side of the mode.
const NODES: i32 = 400;

/// Bayesian temperature scaling: the posterior over ln T given held-out examples, under the prior N(0, sd²), on a grid of
/// temperatures. Predictions are averaged over it, so that few held-out examples, or examples that are all predicted right, give
/// a temperature as unsure as it should be. With many examples it is [`TemperatureScaling`](super::TemperatureScaling).
///
/// ```
/// # use elbo::{Outputs, Tensor};
/// # use elbo::calibration::TemperaturePosterior;
/// let outputs: Outputs<f64> = Outputs::new(Tensor::new([1, 3, 2], [2.0, 0.0].repeat(3)));
/// let posterior = TemperaturePosterior::fit(&outputs, &[0, 0, 0], 0.5)?; // no temperature is the best
/// assert!(posterior.mean() < 1.0);
/// let calibrated = posterior.apply(&outputs);
/// assert!(calibrated.row(0)[0] > 1.0 / (1.0 + (-2f64).exp()));
/// # Ok::<(), elbo::calibration::CalibrationError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TemperaturePosterior {
    temperatures: Vec<f64>,
    weights: Vec<f64>,
}

impl TemperaturePosterior {
    /// The posterior given predictions of held-out examples and their labels, under ln T ~ N(0, `prior_sd`²). With 1, two thirds of
    /// the prior are between temperatures of 0.37 and 2.7.
    ///
    /// # Errors
    /// [`CalibrationError`]: there are no examples, or labels that do not fit; a logit is NaN, or a label has probability 0;
    /// `prior_sd` is not positive and finite.
    pub fn fit<P: LogitsOfDraws>(predictions: &P, labels: &[usize], prior_sd: f64) -> Result<Self, CalibrationError> {
        let is_sd = prior_sd > 0.0 && prior_sd.is_finite();
        if !is_sd {
            let mistake = format!("TemperaturePosterior: the prior's sd must be positive and finite, got {prior_sd}");
            return Err(CalibrationError::Options(mistake));
        }
        let (draws, classes) = (predictions.draws(), predictions.classes());
        let data = Labelled::new(predictions.logits(), draws, classes, labels)?;
        let n = data.examples() as f64;
        let precision = prior_sd.powi(-2);
        // −ln p(ln T | labels), up to a constant, with its slope.
        let energy = |ln_t: f64| {
            let Nll { nats, slope } = data.at(ln_t);
            Nll { nats: n * nats + 0.5 * precision * ln_t * ln_t, slope: n * slope + precision * ln_t }
        };
        let mode = minimise(energy);
        let step = 1e-4 * prior_sd.min(1.0);
        let curvature = (energy(mode + step).slope - energy(mode - step).slope) / (2.0 * step);
        let spacing = SPACING / curvature.max(precision).sqrt();
        let least = energy(mode).nats;
        let mut nodes = vec![(mode, 0.0)];
        for direction in [-1.0, 1.0] {
            let outwards = (1..=NODES).map(|node| {
                let ln_t = mode + direction * f64::from(node) * spacing;
                (ln_t, least - energy(ln_t).nats)
            });
            nodes.extend(outwards.take_while(|(_, fall)| *fall > -FALL));
        }
        nodes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = nodes.iter().map(|(_, fall)| fall.exp()).sum();
        let weights = nodes.iter().map(|(_, fall)| fall.exp() / total).collect();
        Ok(TemperaturePosterior { temperatures: nodes.iter().map(|(ln_t, _)| ln_t.exp()).collect(), weights })
    }

    /// The temperatures of the grid, in ascending order, equally far from each other in ln T.
    pub fn temperatures(&self) -> &[f64] {
        &self.temperatures
    }

    /// Their posterior probabilities, which sum to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The posterior mean of T.
    pub fn mean(&self) -> f64 {
        self.temperatures.iter().zip(&self.weights).map(|(t, weight)| weight * t).sum()
    }

    /// The posterior standard deviation of T.
    pub fn sd(&self) -> f64 {
        let mean = self.mean();
        let variance: f64 =
            self.temperatures.iter().zip(&self.weights).map(|(t, weight)| weight * (t - mean).powi(2)).sum();
        variance.sqrt()
    }

    /// The predictions, averaged over the temperature.
    pub fn apply<P: LogitsOfDraws>(&self, predictions: &P) -> Probabilities {
        let at: Vec<Probabilities> =
            self.temperatures.iter().map(|t| predictions.divided(*t).probabilities()).collect();
        let average = |of: &dyn Fn(&Probabilities) -> &[f64]| {
            let mut sum = vec![0.0; of(&at[0]).len()];
            for (predicted, weight) in at.iter().zip(&self.weights) {
                sum.iter_mut().zip(of(predicted)).for_each(|(sum, value)| *sum += weight * value);
            }
            sum
        };
        let mean = average(&|predicted| predicted.mean());
        let tiny = mean.iter().enumerate().filter(|(_, p)| **p < f64::MIN_POSITIVE).map(|(place, _)| {
            let terms = at.iter().zip(&self.weights).map(|(at, weight)| weight.ln() + at.log_probability(place));
            (place, log_mean_exp(terms) + (at.len() as f64).ln())
        });
        let logarithms = tiny.collect();
        let (classes, axes) = (at[0].classes(), at[0].shape()[1..].to_vec());
        Probabilities::new(mean, average(&|predicted| predicted.expected_entropy()), classes, at[0].draws())
            .with_axes(&axes)
            .with_logarithms(logarithms)
    }
}
