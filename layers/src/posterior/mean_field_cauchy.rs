//! `MeanFieldCauchy`: the posterior with independent Cauchy elements.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, PI};

use crate::distribution::elementwise::{At, ElementwiseTerm, sum};
use crate::distribution::log_scale::log_slope;
use crate::distribution::log_scale::{least, log_scales};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Parameters, Path, Real, Tape, Tensor, Var};
use crate::engine::{Shape, Visitor, VisitorMut};
use crate::posterior::MeanField;
use crate::posterior::{Density, Posterior};
use crate::properties::{No, Yes};
use crate::sampling::Cx;

/// Independent Cauchy distributions, one for every element: density 1 / (πγ (1 + z²)) with z = (w − m)/γ. It contains
/// the [`Cauchy`](struct@crate::Cauchy) prior, from which its divergence has a closed form.
///
/// A Cauchy has neither mean nor variance. [`Posterior::mean`] returns the median m, local reparameterisation does not
/// apply, and the divergence from a normal prior is infinite: its estimates by [`MonteCarlo`](struct@crate::MonteCarlo) do
/// not converge.
///
/// A sample is m + γ cot(½π erfc(|ε|/√2)) sign(ε): the Cauchy quantile at the normal probability of ε, the noise of
/// the weight's name and shape.
#[derive(Clone, Debug)]
pub struct MeanFieldCauchy<T: Real = f32> {
    /// The medians m, and the scales γ as softplus(ρ): half of a weight's mass lies within γ of m.
    pub parameters: MeanField<T>,
}

impl<T: Real> MeanFieldCauchy<T> {
    /// A weight of this shape, whose medians and scales are the means and standard deviations of [`MeanField::new`].
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        MeanFieldCauchy { parameters: MeanField::new(shape) }
    }

    /// With these medians and scales.
    ///
    /// # Panics
    /// If the shapes differ, or a scale is not positive and finite.
    #[track_caller]
    pub fn with_scales(median: Tensor<T>, scale: &Tensor<T>) -> Self {
        MeanFieldCauchy { parameters: MeanField::of_family("MeanFieldCauchy", ["median", "scale"], median, scale) }
    }

    /// A sample minus its median.
    fn away<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        cx.tape().param(&self.parameters.rho).softplus() * standard(cx, self.shape())
    }
}

impl<T: Real> Parameters for MeanFieldCauchy<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        self.parameters.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        self.parameters.visit_mut(path, f);
    }
}

/// A standard Cauchy sample for every element of a weight of this shape. The cotangent is of the smaller tail's probability,
/// which keeps its digits: |ε| = 6 is 3·10⁸ scales from the median.
fn standard<'t, T: Real>(cx: Cx<'t, T>, shape: &[usize]) -> Var<'t, T> {
    let noise = cx.noise(shape);
    let angle = (noise.abs() * FRAC_1_SQRT_2).erfc() * FRAC_PI_2;
    noise.sign() * angle.cos() / angle.sin()
}

impl<T: Real> Posterior for MeanFieldCauchy<T> {
    type Local = No<Self>;
    type Flipout = Yes;

    fn shape(&self) -> &[usize] {
        self.parameters.shape()
    }

    fn check(&self) -> Result<(), String> {
        self.parameters.check_as("MeanFieldCauchy")
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        cx.tape().param(&self.parameters.mean) + self.away(cx)
    }

    /// The median.
    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        self.parameters.mean(tape)
    }

    fn perturbation<'t>(&'t self, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(self.away(cx))
    }

    fn log_density_of_draw<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(self.log_density_of_sample(w, cx))
    }
}

impl<T: Real> Density for MeanFieldCauchy<T> {
    fn log_density<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let [median, rho] = [&self.parameters.mean, &self.parameters.rho].map(|parameter| cx.density_param(parameter));
        sum(OfDistance { least: FARTHEST * least::<T>() }, [w - median, rho], None)
    }

    fn log_density_of_sample<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let far = standard(cx, self.shape()).square().ln_1p().sum();
        -(far + log_scales(cx.tape().param(&self.parameters.rho)) + PI.ln() * w.len() as f64)
    }
}

/// The largest distance of a standard sample: always in `f32`, and for all but one of 10¹¹ samples in `f64`.
const FARTHEST: f64 = 1e11;

/// −ln πγ − ln(1 + (d/γ)²) of a distance d = w − m and ρ. As a divisor γ is at least `least`, so that the slope times a
/// standard sample does not overflow.
#[derive(Clone, Copy)]
struct OfDistance {
    least: f64,
}

impl ElementwiseTerm<2> for OfDistance {
    const NAME: &'static str = "log-density of a Cauchy posterior";

    #[inline(always)]
    fn value<S: Simd>(self, [distance, rho]: [f64; 2], _: At) -> f64 {
        let scale = Math::softplus::<S>(rho).max(self.least);
        // The smaller over the larger, whose square cannot overflow.
        let [near, far] = [scale.min(distance.abs()), scale.max(distance.abs())];
        let ratio = near / far;
        let beyond = 2.0 * Math::ln::<S>(far / scale);
        -PI.ln() - Math::log_softplus::<S>(rho) - Math::ln_1p::<S>(ratio * ratio) - beyond
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [distance, rho]: [f64; 2], _: At) -> f64 {
        let scale = Math::softplus::<S>(rho).max(self.least);
        let far = scale.max(distance.abs());
        let [d, s] = [distance / far, scale / far];
        if K == 0 { -2.0 * d / (d * d + s * s) / far } else { (d * d - s * s) / (d * d + s * s) * log_slope::<S>(rho) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "MeanFieldCauchy: a scale must be positive and finite, got 0")]
    fn a_scale_of_zero_is_refused() {
        MeanFieldCauchy::<f32>::with_scales(Tensor::zeros([2]), &Tensor::zeros([2]));
    }

    #[test]
    #[should_panic(expected = "MeanFieldCauchy: medians of shape [2] and scales of shape [3]")]
    fn scales_of_another_shape_are_refused() {
        MeanFieldCauchy::<f32>::with_scales(Tensor::zeros([2]), &Tensor::full([3], 1.0));
    }
}
