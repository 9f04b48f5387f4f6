//! The Gaussian likelihood: regression with normal noise of a fixed standard deviation.

use std::f64::consts::{SQRT_2, TAU};

use crate::engine::Reduction;
use crate::engine::{Real, Tensor, Var};
use crate::likelihood::{Likelihood, MeanNll, diagonal};
use crate::metrics::Mixture;
use crate::predictive::Outputs;
use crate::predictive::Univariate;

/// p(y) = N(output, sd²), independently for every element of an example's target. The standard deviation is fixed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian {
    sd: f64,
}

impl Gaussian {
    /// Makes a Gaussian likelihood with the noise's standard deviation, in the targets' unit.
    ///
    /// # Panics
    /// If it is not positive and finite.
    #[track_caller]
    pub fn new(sd: f64) -> Self {
        assert!(
            sd > 0.0 && sd.is_finite(),
            "Gaussian: the noise's standard deviation must be positive and finite, got {sd}"
        );
        Gaussian { sd }
    }

    /// The standard deviation of the noise.
    pub fn sd(&self) -> f64 {
        self.sd
    }

    /// Checks that the factor of the squares, 1/2sd², is finite and positive in `T`.
    ///
    /// # Errors
    /// If it is zero or infinite in `T`.
    fn check_in<T: Real>(&self) -> Result<(), String> {
        let factor = T::from_f64(0.5 / (self.sd * self.sd));
        if factor.is_finite() && factor > T::ZERO {
            return Ok(());
        }
        Err(format!(
            "Gaussian: the factor 1/2sd² of the squared errors is {factor} in {} for a standard deviation of {:e}; \
             scale the targets and the noise to another unit",
            T::NAME,
            self.sd
        ))
    }

    /// ½((y − f)/s)² + ln s + ½ ln 2π, summed over an example's elements, as a mean over examples.
    ///
    /// # Panics
    /// If the shapes of `output` and `targets` differ, if they are scalars or empty, or if 1/2sd² is zero or infinite
    /// in `T`.
    #[track_caller]
    pub fn nll<'t, T: Real>(&self, output: Var<'t, T>, targets: &'t Tensor<T>) -> MeanNll<'t, T> {
        self.assert_fits(output, targets);
        let &[examples, ref per_example @ ..] = output.shape() else {
            panic!("Gaussian: the output is a scalar; expected (examples, ..)");
        };
        let elements: usize = per_example.iter().product();
        let squares = output.mse(output.tape().input(targets), Reduction::Sum);
        let normaliser = elements as f64 * self.normaliser();
        let mean = squares.scale_shift(0.5 / (self.sd * self.sd * examples as f64), normaliser);
        MeanNll::of_mean(mean, examples)
    }

    /// −ln of the density at the mean.
    fn normaliser(&self) -> f64 {
        self.sd.ln() + 0.5 * TAU.ln()
    }

    #[track_caller]
    fn assert_fits<'t, T: Real>(&self, output: Var<'t, T>, targets: &'t Tensor<T>) {
        assert!(
            output.shape() == targets.shape(),
            "Gaussian: outputs of shape {:?} and targets of shape {:?} must have the same shape; there is no \
             broadcasting",
            output.shape(),
            targets.shape()
        );
        if let Err(mistake) = self.check_in::<T>() {
            panic!("{mistake}");
        }
    }
}

impl<T: Real> Likelihood<T> for Gaussian {
    type Targets = Tensor<T>;
    type Predictive = Mixture<Self>;

    /// # Panics
    /// As [`nll`](Gaussian::nll).
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Tensor<T>) -> Var<'t, T> {
        self.assert_fits(output, targets);
        let squares = output.mse(output.tape().input(targets), Reduction::Each);
        squares.scale_shift(-0.5 / (self.sd * self.sd), -self.normaliser())
    }

    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Mixture<Self> {
        Mixture::new(*self, outputs)
    }

    #[track_caller]
    fn mean_nll<'t>(&self, output: Var<'t, T>, targets: &'t Tensor<T>) -> MeanNll<'t, T> {
        self.nll(output, targets)
    }

    fn output_hessian(&self, output: &[T]) -> Option<Vec<f64>> {
        Some(diagonal(output.iter().map(|_| 1.0 / (self.sd * self.sd))))
    }

    fn check(&self, output: &[usize], targets: &Tensor<T>) -> Result<(), String> {
        self.check_in::<T>()?;
        let each = &targets.shape()[1..];
        if output == each {
            return Ok(());
        }
        Err(format!(
            "the model's output for one example has shape {output:?}, but a target has {each:?}; Gaussian needs one \
             output for each element of a target"
        ))
    }
}

impl Univariate for Gaussian {
    fn mean(&self, output: &[f64]) -> f64 {
        output[0]
    }

    fn variance(&self, _: &[f64]) -> f64 {
        self.sd * self.sd
    }

    fn cdf(&self, output: &[f64], y: f64) -> f64 {
        0.5 * libm::erfc((output[0] - y) / (self.sd * SQRT_2))
    }

    fn normal(&self, output: &[f64]) -> Option<[f64; 2]> {
        Some([output[0], self.sd])
    }

    fn entropy(&self, _: &[f64]) -> Option<f64> {
        Some(0.5 + self.normaliser())
    }
}
