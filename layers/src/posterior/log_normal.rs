//! `LogNormal`: the mean-field log-normal posterior of positive weights.

use crate::engine::{Parameters, Path, Real, Tape, Tensor, Var};
use crate::engine::{Shape, Visitor, VisitorMut};
use crate::estimator::Variance;
use crate::posterior::MeanField;
use crate::posterior::{Density, Posterior};
use crate::properties::{No, Yes};
use crate::sampling::Cx;
use crate::weights::Space;

/// Independent log-normals, one for every element: ln w is N(μ, σ²). For weights that are positive, such as scales and
/// gains.
///
/// A sample is exp(μ + σ ε), with noise ε of the weight's name and shape. Local reparameterisation samples outputs with the
/// exact mean and variance from a normal distribution, which approximates the sum of many weights. Flipout requires
/// symmetry and does not apply.
#[derive(Clone, Debug)]
pub struct LogNormal<T: Real = f32> {
    /// The distribution of ln w.
    pub log: MeanField<T>,
}

impl<T: Real> LogNormal<T> {
    /// A weight of this shape, with ln w initialised as by [`MeanField::new`]: elements of a vector start close to one, those
    /// of a matrix around it.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        LogNormal { log: MeanField::new(shape) }
    }

    /// With these means and standard deviations of ln w.
    ///
    /// # Panics
    /// If the shapes differ, or a standard deviation is not positive and finite.
    #[track_caller]
    pub fn with_log_moments(mean: Tensor<T>, sd: &Tensor<T>) -> Self {
        LogNormal { log: MeanField::with_sds(mean, sd) }
    }

    /// The variance of every element: e^(2μ + σ²) (e^(σ²) − 1).
    pub(crate) fn variance_on<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        let square = tape.param(&self.log.rho).softplus().square();
        // 1 − e^(−σ²) = 2t/(1 + t) with t = tanh(σ²/2), which does not lose digits for small σ.
        let t = (square * 0.5).tanh();
        ((tape.param(&self.log.mean) + square) * 2.0).exp() * (t * 2.0 / (t + 1.0))
    }
}

impl<T: Real> Parameters for LogNormal<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        self.log.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        self.log.visit_mut(path, f);
    }
}

impl<T: Real> Posterior for LogNormal<T> {
    type Local = Yes;
    type Flipout = No<Self>;

    fn shape(&self) -> &[usize] {
        self.log.shape()
    }

    fn space() -> Space {
        Space::Positive
    }

    fn check(&self) -> Result<(), String> {
        self.log.check_as("LogNormal")
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        self.log.sample(cx).exp()
    }

    /// exp(μ + σ²/2).
    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        (tape.param(&self.log.mean) + tape.param(&self.log.rho).softplus().square() * 0.5).exp()
    }

    fn variance<'t>(&'t self, tape: &'t Tape<T>) -> Variance<'t, T> {
        Variance::Independent(self.variance_on(tape))
    }

    fn log_density_of_draw<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(self.log_density_of_sample(w, cx))
    }
}

impl<T: Real> Density for LogNormal<T> {
    fn log_density<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let log = w.ln();
        self.log.log_density(log, cx) - log.sum()
    }

    fn log_density_of_sample<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        // Not w.ln(): w may have under- or overflowed.
        self.log.log_density_of_sample(w, cx) - self.log.sample(cx).sum()
    }
}
