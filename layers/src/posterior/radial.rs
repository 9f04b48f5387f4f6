//! `Radial`: the radial posterior of Farquhar, Osborne and Gal (2020).

use crate::distribution::log_scale::{divisor, log_scales, positive};
use crate::engine::{Parameters, Path, Real, Tape, Tensor, Var};
use crate::engine::{Shape, Visitor, VisitorMut};
use crate::posterior::MeanField;
use crate::posterior::{Density, Posterior};
use crate::properties::{No, Yes};
use crate::sampling::Cx;

/// The radial posterior of Farquhar, Osborne and Gal (2020, "Radial Bayesian neural networks: beyond discrete support
/// in large-scale Bayesian deep learning"): w = μ + σ · (ε/‖ε‖) · |r|, with one direction and one distance from the mean
/// for the whole weight. Nearly all samples of a mean-field normal in n dimensions are √n standard deviations from the
/// mean; samples of this are distributed over the distance as in one dimension.
///
/// The noise ε has the weight's name and shape, and r, a scalar, is named `radius` below it. Elements are uncorrelated with
/// the variance σ²/n, but not independent, so local reparameterisation does not apply; all signs are equally likely, so
/// Flipout does. Its density is infinite at the mean.
#[derive(Clone, Debug)]
pub struct Radial<T: Real = f32> {
    /// μ and σ.
    pub parameters: MeanField<T>,
}

impl<T: Real> Radial<T> {
    /// A weight of this shape, initialised as by [`MeanField::new`].
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        Radial { parameters: MeanField::new(shape) }
    }

    /// With these μ and σ.
    ///
    /// # Panics
    /// If the shapes differ, or a σ is not positive and finite.
    #[track_caller]
    pub fn with_sds(mean: Tensor<T>, sd: &Tensor<T>) -> Self {
        Radial { parameters: MeanField::with_sds(mean, sd) }
    }
}

/// The term of ln q that depends only on the number n of elements: the density of u|r| at z, u uniform on the
/// unit sphere and r standard normal, is 2 φ(‖z‖) over the area 2 π^(n/2)/Γ(n/2) ‖z‖^(n−1) of the sphere through z.
pub(crate) fn log_normaliser(n: usize) -> f64 {
    use std::f64::consts::{PI, TAU};
    if n == 0 {
        return 0.0;
    }
    let half = 0.5 * n as f64;
    libm::lgamma(half) - half * PI.ln() - 0.5 * TAU.ln()
}

/// The entropy of u|r|, in nats.
pub(crate) fn entropy(n: usize) -> f64 {
    /// E ln|r| of a standard normal r: (ψ(½) + ln 2)/2.
    const MEAN_LOG: f64 = -0.635_181_422_730_739_1;
    if n == 0 {
        return 0.0;
    }
    0.5 + (n - 1) as f64 * MEAN_LOG - log_normaliser(n)
}

impl<T: Real> Parameters for Radial<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        self.parameters.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        self.parameters.visit_mut(path, f);
    }
}

impl<T: Real> Posterior for Radial<T> {
    type Local = No<Self>;
    type Flipout = Yes;

    fn shape(&self) -> &[usize] {
        self.parameters.shape()
    }

    fn check(&self) -> Result<(), String> {
        self.parameters.check_as("Radial")
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        cx.tape().param(&self.parameters.mean) + away(self, cx)
    }

    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        self.parameters.mean(tape)
    }

    fn perturbation<'t>(&'t self, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(away(self, cx))
    }

    fn log_density_of_draw<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(self.log_density_of_sample(w, cx))
    }
}

/// σ · (ε/‖ε‖) · |r|.
fn away<'t, T: Real>(q: &'t Radial<T>, cx: Cx<'t, T>) -> Var<'t, T> {
    let (direction, radius) = (cx.noise(q.shape()), cx.at("radius").noise(&[]));
    let distance = (radius.square() / direction.square().sum()).sqrt();
    cx.tape().param(&q.parameters.rho).softplus() * (direction * distance)
}

/// The log-density of u|r| as a function of the squared distance from the mean.
fn log_density_at<T: Real>(square: Var<'_, T>, n: usize) -> Var<'_, T> {
    let shells = square.ln() * (0.5 * (n.max(1) - 1) as f64);
    square * -0.5 - shells + log_normaliser(n)
}

impl<T: Real> Density for Radial<T> {
    fn log_density<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let [mean, rho] = [&self.parameters.mean, &self.parameters.rho].map(|parameter| cx.density_param(parameter));
        let square = ((w - mean) / divisor(rho)).square().sum();
        // A weight may equal its mean, where the density is infinite.
        log_density_at(positive(square), w.len()) - log_scales(rho)
    }

    fn log_density_of_sample<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let radius = cx.at("radius").noise(&[]);
        log_density_at(radius.square(), w.len()) - log_scales(cx.tape().param(&self.parameters.rho))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_one_dimension_it_is_the_normal() {
        let half_log_tau = 0.5 * std::f64::consts::TAU.ln();
        assert!((log_normaliser(1) + half_log_tau).abs() < 1e-15);
        assert!((entropy(1) - 0.5 - half_log_tau).abs() < 1e-15);
    }

    #[test]
    fn the_density_integrates_to_one_and_has_the_entropy() {
        // In two and three dimensions, over shells: the density of the distance is that of |r|.
        for (n, area) in [(2, 2.0 * std::f64::consts::PI), (3, 4.0 * std::f64::consts::PI)] {
            let (steps, width) = (400_000, 2.5e-5);
            let (mut total, mut entropy_found) = (0.0, 0.0);
            for step in 0..steps {
                // Gauss–Legendre of two points a step.
                for node in [0.211_324_865_405_187_1, 0.788_675_134_594_812_9] {
                    let distance: f64 = (f64::from(step) + node) * width;
                    let shell = area * distance.powi(n as i32 - 1);
                    let log = -0.5 * distance * distance - (n - 1) as f64 * distance.ln() + log_normaliser(n);
                    let mass = log.exp() * shell * 0.5 * width;
                    total += mass;
                    entropy_found -= mass * log;
                }
            }
            assert!((total - 1.0).abs() < 1e-9, "{n}: {total}");
            assert!((entropy_found - entropy(n)).abs() < 1e-4, "{n}: {entropy_found} {}", entropy(n));
        }
    }
}
