//! The low-rank normal under a normal prior.
//!
//! KL(N(μ, diag(σ²) + B Bᵀ) ‖ N(m, s²I)) is the mean-field divergence of μ and σ, and for the directions
//! ‖B‖²/(2s²) − ½ ln det(I + V Vᵀ), where B = diag(σ) Vᵀ.

use crate::distribution::exact::sum;
use crate::distribution::log_scale::softplus;
use crate::divergence::Divergence;
use crate::engine::{Real, Var};
use crate::posterior::LowRank;
use crate::posterior::check;
use crate::prior::{Given, Normal};
use crate::properties::Yes;
use crate::sampling::Cx;

impl<T: Real> Divergence<Normal> for LowRank<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Normal) -> f64 {
        check(self);
        let (rho, loadings) = (self.diagonal.rho.data(), self.loadings.data());
        let squares = sum(loadings.len(), |i| {
            let ratio = softplus(rho[i % rho.len()].to_f64()) / prior.sd();
            (ratio * loadings[i].to_f64()).powi(2)
        });
        self.diagonal.kl(prior) + 0.5 * squares - self.half_log_det_exact()
    }

    fn kl_on<'t>(&'t self, prior: Given<'t, Normal, T>, cx: Cx<'t, T>, weight: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        check(self);
        let [rho, loadings] = [&self.diagonal.rho, &self.loadings].map(|parameter| cx.tape().param(parameter));
        let ratio = rho.softplus() * prior.inverse_sd::<T>();
        let directions = loadings * ratio.reshape([ratio.len()]);
        self.diagonal.kl_on(prior, cx, weight) + directions.square().sum() * 0.5 - Self::half_log_det(loadings)
    }
}
