//! Mixture density networks: a mixture of normal distributions, all of whose parameters are outputs.

use std::f64::consts::TAU;

use crate::engine::{Real, Tensor, Var};
use crate::likelihood::Likelihood;
use crate::likelihood::elementwise::{check_shape, check_support};
use crate::likelihood::noise::normal_cdf;
use crate::metrics::Mixture;
use crate::predictive::{Outputs, Univariate};

/// p(y) = Σₖ wₖ N(y; μₖ, σₖ²), with the weights' logits, the means and ln σ from the outputs (Bishop 1994, "Mixture Density
/// Networks"): for targets with several modes.
///
/// For D elements of a target an example has 3KD outputs: for each component k a block of D logits, then as many blocks
/// of means, then of ln σ. The elements of a target are independent given the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MixtureDensity {
    components: usize,
}

impl MixtureDensity {
    /// A mixture of this number of normal distributions.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn new(components: usize) -> Self {
        assert!(components > 0, "MixtureDensity: at least one component is needed, got 0");
        MixtureDensity { components }
    }

    /// The number of components.
    pub fn components(&self) -> usize {
        self.components
    }

    fn check_shape(self, output: &[usize], targets: &[usize]) -> Result<(), String> {
        let k = self.components;
        check_shape(3 * k, output, targets, || {
            format!(
                "MixtureDensity of {k} components needs {} outputs for each element of a target, in blocks along the last \
                 axis: a block of logits for each component, then as many of means, then of log standard deviations",
                3 * k
            )
        })
    }

    /// The weight, mean and standard deviation of every component.
    fn of(self, outputs: &[f64]) -> impl Iterator<Item = (f64, f64, f64)> + Clone {
        let k = self.components;
        let max = outputs[..k].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = outputs[..k].iter().map(|logit| (logit - max).exp()).sum();
        (0..k).map(move |i| ((outputs[i] - max).exp() / total, outputs[k + i], outputs[2 * k + i].exp()))
    }
}

impl<T: Real> Likelihood<T> for MixtureDensity {
    type Targets = Tensor<T>;
    type Predictive = Mixture<Self>;

    /// # Panics
    /// If the shapes differ from those needed; shapes are not broadcast.
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Tensor<T>) -> Var<'t, T> {
        if let Err(mistake) = self.check_shape(output.shape().get(1..).unwrap_or_default(), targets.shape()) {
            panic!("{mistake}");
        }
        let k = self.components;
        let block = targets.shape()[1..].last().copied().unwrap_or(1);
        let rest = targets.len() / block.max(1);
        let [logits, means, ln_sds] = output.reshape([rest, 3 * k, block]).split(1, [k, k, k]);
        let y = output.tape().input(targets).reshape([rest, 1, block]);
        let z = (y - means) * (-ln_sds).exp();
        let densities = z.square().scale_shift(-0.5, -0.5 * TAU.ln()) - ln_sds;
        (logits.log_softmax(1) + densities).log_sum_exp_axes(&[1], false).reshape(targets.shape())
    }

    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Mixture<Self> {
        Mixture::new(*self, outputs)
    }

    fn check(&self, output: &[usize], targets: &Tensor<T>) -> Result<(), String> {
        self.check_shape(output, targets.shape())?;
        check_support("MixtureDensity", "finite", targets, f64::is_finite)
    }
}

impl Univariate for MixtureDensity {
    fn num_outputs(&self) -> usize {
        3 * self.components
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        self.of(outputs).map(|(weight, mean, _)| weight * mean).sum()
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        let center = self.mean(outputs);
        self.of(outputs).map(|(weight, mean, sd)| weight * (sd * sd + (mean - center).powi(2))).sum()
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        self.of(outputs).map(|(weight, mean, sd)| weight * normal_cdf((y - mean) / sd)).sum()
    }
}
