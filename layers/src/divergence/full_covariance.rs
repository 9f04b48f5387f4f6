//! KL divergences of `FullCovariance` and `MatrixNormal` from a normal prior.
//!
//! KL(N(μ, Σ) ‖ N(m, s²I)) = (tr Σ + ‖μ − m‖²)/(2s²) − n/2 + n ln s − ½ ln det Σ over n elements. With Σ = L Lᵀ the
//! trace is ‖L‖² and ½ ln det Σ = ln det L. With Σ = A Aᵀ ⊗ B Bᵀ, of a matrix normal of r rows and c columns, the trace
//! is ‖A‖²‖B‖² and ½ ln det Σ = c ln det A + r ln det B.

use crate::divergence::squared_distance::squared_distance;
use crate::divergence::{Divergence, in_double};
use crate::engine::{Real, Var};
use crate::posterior::check;
use crate::posterior::{FullCovariance, MatrixNormal};
use crate::prior::Normal;
use crate::properties::Yes;
use crate::sampling::Cx;

impl<T: Real> Divergence<Normal> for FullCovariance<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Normal) -> f64 {
        in_double(self, prior)
    }

    fn kl_on<'t>(&'t self, prior: &'t Normal, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        check(self);
        let factor = self.factor.param(cx);
        let trace = factor.squares(prior.inverse_sd::<T>());
        let constant = self.mean.len() as f64 * (prior.sd().ln() - 0.5);
        (trace + squared_distance(cx.tape().param(&self.mean), *prior)) * 0.5 + constant - factor.log_det()
    }
}

impl<T: Real> Divergence<Normal> for MatrixNormal<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Normal) -> f64 {
        in_double(self, prior)
    }

    fn kl_on<'t>(&'t self, prior: &'t Normal, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        check(self);
        let [rows, columns] = [&self.rows, &self.columns].map(|factor| factor.rows() as f64);
        let [a, b] = [&self.rows, &self.columns].map(|factor| factor.param(cx));
        let each = prior.inverse_sd::<T>().sqrt();
        let trace = a.squares(each) * b.squares(each);
        let log_det = a.log_det() * columns + b.log_det() * rows;
        let constant = self.mean.len() as f64 * (prior.sd().ln() - 0.5);
        (trace + squared_distance(cx.tape().param(&self.mean), *prior)) * 0.5 + constant - log_det
    }
}
