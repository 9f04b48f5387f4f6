//! The Bernoulli likelihood: binary targets, with a logit as output.

use crate::data::Targets;
use crate::engine::Reduction;
use crate::engine::{Real, Tensor, Var};
use crate::likelihood::{Likelihood, MeanNll, diagonal, probabilities};
use crate::metrics::{Mixture, Probabilities};
use crate::predictive::Outputs;
use crate::predictive::Univariate;

/// p(1) = 1/(1 + e^(−output)), independently for every element of an example's target: outputs are logits, targets are
/// 0 or 1, of the same shape. For binary classification with a single output, and for multi-label classification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bernoulli;

impl<T: Real> Likelihood<T> for Bernoulli {
    type Targets = Tensor<T>;
    type Predictive = Mixture<Self>;

    /// # Panics
    /// If the shapes differ; shapes are not broadcast.
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Tensor<T>) -> Var<'t, T> {
        -output.bce_with_logits(output.tape().input(targets), Reduction::Each)
    }

    /// In one pass over memory.
    ///
    /// # Panics
    /// As [`log_likelihood`](Likelihood::log_likelihood).
    #[track_caller]
    fn mean_nll<'t>(&self, output: Var<'t, T>, targets: &'t Tensor<T>) -> MeanNll<'t, T> {
        let sum = output.bce_with_logits(output.tape().input(targets), Reduction::Sum);
        MeanNll::from_sum(sum, targets.rows())
    }

    fn predictive(&self, outputs: &Outputs<T>) -> Mixture<Self> {
        Mixture::new(*self, outputs)
    }

    fn output_hessian(&self, logits: &[T]) -> Option<Vec<f64>> {
        Some(diagonal(logits.iter().map(|logit| self.variance(&[logit.to_f64()]))))
    }

    fn check(&self, output: &[usize], targets: &Tensor<T>) -> Result<(), String> {
        let each = &targets.shape()[1..];
        if output != each {
            return Err(format!(
                "the model's output for one example has shape {output:?}, but a target has {each:?}; Bernoulli needs \
                 one logit for each element of a target"
            ));
        }
        let width = each.iter().product::<usize>().max(1);
        match targets.data().iter().position(|y| *y != T::ZERO && *y != T::ONE) {
            Some(at) => Err(format!(
                "example {} (from 0) has the target {}, but Bernoulli's targets must be 0 or 1",
                at / width,
                targets.data()[at].to_f64()
            )),
            None => Ok(()),
        }
    }
}

impl Univariate for Bernoulli {
    const DISCRETE: bool = true;

    fn mean(&self, logit: &[f64]) -> f64 {
        1.0 / (1.0 + (-logit[0]).exp())
    }

    fn variance(&self, logit: &[f64]) -> f64 {
        self.mean(logit) * self.mean(&[-logit[0]])
    }

    fn cdf(&self, logit: &[f64], y: f64) -> f64 {
        match y {
            y if y >= 1.0 => 1.0,
            y if y >= 0.0 => self.mean(&[-logit[0]]),
            _ => 0.0,
        }
    }

    fn entropy(&self, logit: &[f64]) -> Option<f64> {
        // ln(1 + e^−|x|) + |x| p(−|x|), whose terms are all finite.
        let x = logit[0].abs();
        Some((-x).exp().ln_1p() + x * self.mean(&[-x]))
    }
}

impl Mixture<Bernoulli> {
    /// The prediction as probabilities of the classes 0 and 1 for every element, with accuracy, calibration and the
    /// other metrics of classification.
    pub fn classes(&self) -> Probabilities {
        let logits = self.outputs();
        // A softmax of (0, logit), which keeps the logarithms of small probabilities.
        let pairs = logits.tensor().data().iter().flat_map(|&logit| [0.0, logit]).collect::<Vec<f64>>();
        let shape: Vec<usize> = logits.tensor().shape().iter().copied().chain([2]).collect();
        probabilities(&Outputs::new(Tensor::new(shape, pairs)))
    }
}
