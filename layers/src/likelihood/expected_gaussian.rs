//! `ExpectedGaussian`: regression on outputs that are a mean and a variance, in closed form.

use std::f64::consts::TAU;

use crate::engine::{Real, Tensor, Var};
use crate::likelihood::elementwise::{check_shape, check_support};
use crate::likelihood::{HeteroscedasticGaussian, Likelihood};
use crate::metrics::Mixture;
use crate::predictive::Outputs;
use crate::scalar::accepted;

/// The expectation of ln N(y; f, sd²) over outputs f with a mean and a variance, as a [`LastLayer`](crate::nn::LastLayer) gives
/// them: ln N(y; mean, sd²) − variance/(2 sd²), for each element of a target with its own noise (Harrison, Willes and Snoek
/// 2024). Predictions are N(mean, variance + sd²).
///
/// For D elements of a target an example has D means, then D variances; with a [learned](ExpectedGaussian::learned) noise, then
/// D values of ln sd.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpectedGaussian {
    sd: Option<f64>,
}

impl ExpectedGaussian {
    /// With the noise's standard deviation, in the targets' unit.
    ///
    /// # Panics
    /// If it is not positive and finite.
    #[track_caller]
    pub fn new(sd: f64) -> Self {
        accepted(ExpectedGaussian::checked(sd))
    }

    fn checked(sd: f64) -> Result<Self, String> {
        if sd > 0.0 && sd.is_finite() {
            return Ok(ExpectedGaussian { sd: Some(sd) });
        }
        Err(format!("ExpectedGaussian: the noise's standard deviation must be positive and finite, got {sd}"))
    }

    /// With the noise's ln sd as a third block of outputs. To learn one for all examples, append it with
    /// [`WithConstants`](crate::nn::WithConstants), or with a prior in place of the paper's Wishart distribution by
    /// [`WithRandomConstants`](crate::nn::WithRandomConstants) of a [`Point`](crate::Point).
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # use elbo::ExpectedGaussian;
    /// use elbo::nn::{LastLayer, WithConstants};
    /// # let (x, y) = (Tensor::from_fn([64, 2], |i| i as f64 / 64.0), Tensor::from_fn([64, 1], |i| (i as f64).sin()));
    /// # let data = Examples::new(x, y)?;
    ///
    /// let mut model = WithConstants::new(LastLayer::new(2, 1), [0.0]);
    /// Elbo::new(ExpectedGaussian::learned()).quiet().fit(&mut model, &data, Epochs(2))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn learned() -> Self {
        ExpectedGaussian { sd: None }
    }

    /// The number of outputs for each element of a target.
    fn blocks(self) -> usize {
        if self.sd.is_some() { 2 } else { 3 }
    }

    fn check_outputs(self, output: &[usize], targets: &[usize]) -> Result<(), String> {
        check_shape(self.blocks(), output, targets, || {
            let noise = if self.sd.is_some() { "" } else { ", then every ln sd" };
            format!(
                "ExpectedGaussian needs {} outputs for each element of a target, in blocks along the last axis: first every \
                 mean, then every variance{noise}",
                self.blocks()
            )
        })
    }
}

impl<T: Real> Likelihood<T> for ExpectedGaussian {
    type Targets = Tensor<T>;
    type Predictive = Mixture<HeteroscedasticGaussian>;

    /// The expectation of ln p over the outputs.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Tensor<T>) -> Var<'t, T> {
        if let Err(mistake) = self.check_outputs(output.shape().get(1..).unwrap_or_default(), targets.shape()) {
            panic!("{mistake}");
        }
        let block = targets.shape()[1..].last().copied().unwrap_or(1) as isize;
        let part = |index: isize| {
            let from = index * block;
            output.slice(-1, from..from + block, 1).reshape(targets.shape())
        };
        let square = (output.tape().input(targets) - part(0)).square() + part(1);
        match self.sd {
            Some(sd) => square.scale_shift(-0.5 / (sd * sd), -sd.ln() - 0.5 * TAU.ln()),
            None => {
                let ln_sd = part(2);
                (square * (ln_sd * -2.0).exp()).scale_shift(-0.5, -0.5 * TAU.ln()) - ln_sd
            }
        }
    }

    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Mixture<HeteroscedasticGaussian> {
        let last = outputs.axes().last().copied().unwrap_or(0);
        assert!(
            last > 0 && last.is_multiple_of(self.blocks()),
            "ExpectedGaussian: the model's output for one example has shape {:?}; expected {} blocks along the last axis",
            outputs.axes(),
            self.blocks()
        );
        let block = last / self.blocks();
        let mut values = Vec::with_capacity(outputs.tensor().len() / self.blocks() * 2);
        for row in outputs.tensor().data().chunks_exact(last) {
            let row = |index: usize| row[index].to_f64();
            values.extend((0..block).map(row));
            values.extend((0..block).map(|i| {
                let sd = self.sd.unwrap_or_else(|| row(2 * block + i).exp());
                0.5 * (row(block + i) + sd * sd).ln()
            }));
        }
        let mut shape = outputs.tensor().shape().to_vec();
        shape.pop();
        shape.push(2 * block);
        Mixture::new(HeteroscedasticGaussian, &Outputs::<f64>::new(Tensor::new(shape, values)))
    }

    fn takes_moments(&self) -> bool {
        true
    }

    fn check(&self, output: &[usize], targets: &Tensor<T>) -> Result<(), String> {
        self.check_outputs(output, targets.shape())?;
        check_support("ExpectedGaussian", "finite", targets, f64::is_finite)
    }
}
