//! KL divergence of the low-rank normal from a normal prior.
//!
//! KL(N(μ, diag(σ²) + B Bᵀ) ‖ N(m, s²I)) is the mean-field divergence of μ and σ, plus for the directions
//! ‖B‖²/(2s²) − ½ ln det(I + V Vᵀ), where B = diag(σ) Vᵀ.

use crate::divergence::{Divergence, in_double};
use crate::engine::{Real, Var};
use crate::posterior::LowRank;
use crate::posterior::check;
use crate::prior::Normal;
use crate::properties::Yes;
use crate::sampling::Cx;

impl<T: Real> Divergence<Normal> for LowRank<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Normal) -> f64 {
        in_double(self, prior)
    }

    fn kl_on<'t>(&'t self, prior: &'t Normal, cx: Cx<'t, T>, weight: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        check(self);
        let [rho, loadings] = [&self.diagonal.rho, &self.loadings].map(|parameter| cx.tape().param(parameter));
        let ratio = rho.softplus() * prior.inverse_sd::<T>();
        let directions = loadings * ratio.reshape([ratio.len()]);
        let diagonal = Divergence::<Normal>::kl_on(&self.diagonal, prior, cx, weight);
        diagonal + directions.square().sum() * 0.5 - Self::half_log_det(loadings)
    }
}
