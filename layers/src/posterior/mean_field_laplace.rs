//! `MeanFieldLaplace`: the posterior with independent Laplace elements.

use std::f64::consts::LN_2;

use crate::distribution::log_scale::{divisor, log_scales};
use crate::engine::{Parameters, Path, Real, Tape, Tensor, Var};
use crate::engine::{Shape, Visitor, VisitorMut};
use crate::estimator::Variance;
use crate::posterior::MeanField;
use crate::posterior::{Density, Posterior};
use crate::properties::Yes;
use crate::sampling::Cx;

/// Independent Laplace distributions, one for every element: density e^(−|w − μ|/b) / (2b). It is peaked, with heavier
/// tails than a normal, and contains the [`LaplacePrior`](struct@crate::LaplacePrior) prior, so that a weight that the data do not
/// inform has a divergence of zero.
///
/// A sample is μ + b ε √(a² + c²), which is a normal with an exponential variance (Andrews and Mallows 1974), with noise
/// ε of the weight's name and shape, and a and c of shape (2, shape..), named `spread` below it. Local reparameterisation
/// samples outputs with the exact mean and variance from a normal distribution, which approximates the sum of many weights.
#[derive(Clone, Debug)]
pub struct MeanFieldLaplace<T: Real = f32> {
    /// μ, and the scales b as softplus(ρ). (A standard deviation is √2 b.)
    pub parameters: MeanField<T>,
}

impl<T: Real> MeanFieldLaplace<T> {
    /// A weight of this shape, with means and scales initialised as the means and standard deviations of [`MeanField::new`].
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        MeanFieldLaplace { parameters: MeanField::new(shape) }
    }

    /// With these means and scales.
    ///
    /// # Panics
    /// If the shapes differ, or a scale is not positive and finite.
    #[track_caller]
    pub fn with_scales(mean: Tensor<T>, scale: &Tensor<T>) -> Self {
        MeanFieldLaplace { parameters: MeanField::of_family("MeanFieldLaplace", ["mean", "scale"], mean, scale) }
    }
}

impl<T: Real> Parameters for MeanFieldLaplace<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        self.parameters.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        self.parameters.visit_mut(path, f);
    }
}

/// A standard Laplace sample (mean 0, scale 1) for every element of a weight of this shape.
fn standard<'t, T: Real>(cx: Cx<'t, T>, shape: &[usize]) -> Var<'t, T> {
    let both: Shape = std::iter::once(2).chain(shape.iter().copied()).collect();
    cx.noise(shape) * cx.at("spread").noise(&both).norm_axes(&[0], false)
}

impl<T: Real> Posterior for MeanFieldLaplace<T> {
    type Local = Yes;
    type Flipout = Yes;

    fn shape(&self) -> &[usize] {
        self.parameters.shape()
    }

    fn check(&self) -> Result<(), String> {
        self.parameters.check_as("MeanFieldLaplace")
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        cx.tape().param(&self.parameters.mean) + self.away(cx)
    }

    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        self.parameters.mean(tape)
    }

    fn variance<'t>(&'t self, tape: &'t Tape<T>) -> Variance<'t, T> {
        Variance::Independent(tape.param(&self.parameters.rho).softplus().square() * 2.0)
    }

    fn perturbation<'t>(&'t self, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(self.away(cx))
    }

    fn log_density_of_draw<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(self.log_density_of_sample(w, cx))
    }
}

impl<T: Real> MeanFieldLaplace<T> {
    /// A sample minus its mean.
    fn away<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        cx.tape().param(&self.parameters.rho).softplus() * standard(cx, self.shape())
    }
}

impl<T: Real> Density for MeanFieldLaplace<T> {
    fn log_density<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let [mean, rho] = [&self.parameters.mean, &self.parameters.rho].map(|parameter| cx.density_param(parameter));
        let distance = ((w - mean) / divisor(rho)).abs().sum();
        -(distance + log_scales(rho) + LN_2 * w.len() as f64)
    }

    fn log_density_of_sample<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let distance = standard(cx, self.shape()).abs().sum();
        -(distance + log_scales(cx.tape().param(&self.parameters.rho)) + LN_2 * w.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "MeanFieldLaplace: a scale must be positive and finite, got 0")]
    fn a_scale_of_zero_is_refused() {
        MeanFieldLaplace::<f32>::with_scales(Tensor::zeros([2]), &Tensor::zeros([2]));
    }

    #[test]
    #[should_panic(expected = "MeanFieldLaplace: means of shape [2] and scales of shape [3]")]
    fn scales_of_another_shape_are_refused() {
        MeanFieldLaplace::<f32>::with_scales(Tensor::zeros([2]), &Tensor::full([3], 1.0));
    }
}
