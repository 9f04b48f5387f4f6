//! `TemperatureScaling`: one number by which all logits are divided.

use super::CalibrationError;
use super::temperature_nll::{Labelled, is_end, minimise};
use crate::engine::{Real, Tensor};
use crate::likelihood::probabilities;
use crate::metrics::Probabilities;
use crate::predictive::Outputs;

/// What a temperature divides: the logits of every posterior draw.
///
/// [`Outputs`] are logits, and what is scaled are again the outputs of all draws, whose
/// [`under(&Categorical)`](Outputs::under) is the calibrated prediction with aleatoric and epistemic parts. [`Probabilities`] are
/// already averaged over draws: their logarithms are divided, and the result is a prediction of one draw.
pub trait LogitsOfDraws {
    /// The number of classes, along the last axis.
    fn classes(&self) -> usize;

    /// The number of draws.
    fn draws(&self) -> usize;

    /// The logits, (draws, examples, classes); −∞ excludes a class.
    fn logits(&self) -> Vec<f64>;

    /// The same with all logits divided by `temperature`.
    #[must_use]
    fn divided(&self, temperature: f64) -> Self;

    /// The predicted probabilities.
    fn probabilities(&self) -> Probabilities;
}

impl<T: Real> LogitsOfDraws for Outputs<T> {
    fn classes(&self) -> usize {
        self.axes().last().copied().unwrap_or(1)
    }

    fn draws(&self) -> usize {
        Outputs::draws(self)
    }

    fn logits(&self) -> Vec<f64> {
        self.tensor().data().iter().map(|logit| logit.to_f64()).collect()
    }

    fn divided(&self, temperature: f64) -> Self {
        let divided = self.tensor().data().iter().map(|logit| T::from_f64(logit.to_f64() / temperature));
        Outputs::new(Tensor::new(self.tensor().shape(), divided.collect::<Vec<T>>()))
    }

    fn probabilities(&self) -> Probabilities {
        probabilities(self)
    }
}

impl LogitsOfDraws for Probabilities {
    fn classes(&self) -> usize {
        Probabilities::classes(self)
    }

    fn draws(&self) -> usize {
        1
    }

    fn logits(&self) -> Vec<f64> {
        (0..self.mean().len()).map(|place| self.log_probability(place)).collect()
    }

    fn divided(&self, temperature: f64) -> Self {
        let logits: Vec<f64> = self.logits().into_iter().map(|logit| logit / temperature).collect();
        let shape: Vec<usize> = [1].into_iter().chain(self.shape()).chain([Probabilities::classes(self)]).collect();
        probabilities(&Outputs::new(Tensor::new(shape, logits)))
    }

    fn probabilities(&self) -> Probabilities {
        self.clone()
    }
}

/// Temperature scaling (Guo, Pleiss, Sun and Weinberger 2017, "On Calibration of Modern Neural Networks", section 4.2): all
/// logits are divided by the T > 0 with the least NLL on held-out examples. T > 1 makes predictions less sure; the most probable
/// class of a single draw stays.
///
/// The NLL is that of the mean over draws, so a Bayesian prediction is calibrated as a whole. For a model with a single logit, under
/// [`Bernoulli`](crate::Bernoulli), take the [`classes`](crate::metrics::Mixture::classes) of its predictions.
///
/// ```
/// # use elbo::Outputs;
/// # use elbo::calibration::TemperatureScaling;
/// # use elbo::Tensor;
/// // Sure of class 0, and right in 3 of 4 rows.
/// let outputs: Outputs<f64> = Outputs::new(Tensor::new([1, 4, 2], [6.0, 0.0].repeat(4)));
/// let scaling = TemperatureScaling::fit(&outputs, &[0, 0, 1, 0])?;
/// assert!((scaling.temperature() - 6.0 / 3f64.ln()).abs() < 1e-12);
/// # Ok::<(), elbo::calibration::CalibrationError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TemperatureScaling {
    temperature: f64,
    nll_before: f64,
    nll: f64,
}

impl TemperatureScaling {
    /// Fits the temperature to predictions of held-out examples and their labels: one for each distribution, if an example has
    /// several.
    ///
    /// # Errors
    /// [`CalibrationError`]: there are no examples, or labels that do not fit; a logit is NaN, or a label has probability 0; no
    /// temperature is best, because all examples are predicted right, or no better than by guessing.
    pub fn fit<P: LogitsOfDraws>(predictions: &P, labels: &[usize]) -> Result<Self, CalibrationError> {
        let (draws, classes) = (predictions.draws(), predictions.classes());
        if classes < 2 {
            return Err(CalibrationError::Options(
                "TemperatureScaling needs logits of two classes or more; of a model with a single logit, take the predictions' \
                 `classes()`"
                    .to_owned(),
            ));
        }
        let data = Labelled::new(predictions.logits(), draws, classes, labels)?;
        let ln_t = minimise(|ln_t| data.at(ln_t));
        if is_end(ln_t) {
            let (limit, because) = if ln_t < 0.0 {
                (0.0, "the label is the most probable class of every example")
            } else {
                (f64::INFINITY, "the predictions are no better than equal probabilities")
            };
            return Err(CalibrationError::NoTemperature { examples: labels.len(), limit, because });
        }
        Ok(TemperatureScaling { temperature: ln_t.exp(), nll_before: data.at(0.0).nats, nll: data.at(ln_t).nats })
    }

    /// T.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// The NLL of the held-out examples at T = 1, in nats per example.
    pub fn nll_before(&self) -> f64 {
        self.nll_before
    }

    /// Their NLL at this temperature, the least.
    pub fn nll(&self) -> f64 {
        self.nll
    }

    /// The predictions at this temperature.
    pub fn apply<P: LogitsOfDraws>(&self, predictions: &P) -> P {
        predictions.divided(self.temperature)
    }
}
