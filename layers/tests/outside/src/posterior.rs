//! A user-defined posterior: independent normals with a shared standard deviation.

use bayes::engine::{Shape, Visitor, VisitorMut};
use bayes::{Cx, Density, Parameters, Path, Posterior, Real, Role, Tape, Tensor, Var, Variance, Yes};

use crate::prior::count;

/// Independent normals N(μ, σ²) with a mean for every element of the weight, and one σ = e^λ for all.
#[derive(Clone, Debug)]
pub struct Isotropic<T: Real = f32> {
    /// μ.
    pub mean: Tensor<T>,
    /// λ, of shape (1).
    pub log_sd: Tensor<T>,
}

impl<T: Real> Isotropic<T> {
    /// A weight of this shape with distinct means near zero, and the standard deviation `sd`.
    ///
    /// # Panics
    /// If `sd` is not positive and finite.
    #[track_caller]
    #[must_use]
    pub fn new(shape: impl Into<Shape>, sd: f64) -> Self {
        assert!(sd > 0.0 && sd.is_finite(), "Isotropic: the standard deviation must be positive and finite, got {sd}");
        Isotropic {
            mean: Tensor::from_fn(shape, |i| 0.3 * (1.7 * count(i) + 0.4).sin()),
            log_sd: Tensor::full([1], sd.ln()),
        }
    }
}

impl<T: Real> Parameters for Isotropic<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        f(&path.at("mean"), Role::Mean, &self.mean);
        f(&path.at("log_sd"), Role::Scale, &self.log_sd);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        f(&path.at("mean"), Role::Mean, &mut self.mean);
        f(&path.at("log_sd"), Role::Scale, &mut self.log_sd);
    }
}

impl<T: Real> Posterior for Isotropic<T> {
    type Local = Yes;
    type Flipout = Yes;

    fn shape(&self) -> &[usize] {
        self.mean.shape()
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        let tape = cx.tape();
        tape.param(&self.mean) + cx.noise(self.mean.shape()) * tape.param(&self.log_sd).exp()
    }

    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.param(&self.mean)
    }

    fn variance<'t>(&'t self, tape: &'t Tape<T>) -> Variance<'t, T> {
        let each = tape.constant(self.mean.shape(), |_| T::ONE);
        Variance::Independent(each * (tape.param(&self.log_sd) * 2.0).exp())
    }

    fn perturbation<'t>(&'t self, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(cx.noise(self.mean.shape()) * cx.tape().param(&self.log_sd).exp())
    }
}

impl<T: Real> Density for Isotropic<T> {
    fn log_density<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let log_sd = cx.density_param(&self.log_sd);
        let z = (w - cx.density_param(&self.mean)) * (-log_sd).exp();
        let n = count(w.len());
        -(z.square().sum() * 0.5 + log_sd.sum() * n + n * 0.5 * std::f64::consts::TAU.ln())
    }
}
