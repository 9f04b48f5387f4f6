//! KL divergence of the radial posterior from a normal prior.
//!
//! w = μ + σ v, where v = u|r|, u is uniform on the unit sphere in n dimensions and r standard normal. The entropy is
//! Σ ln σ and a constant (Farquhar, Osborne and Gal 2020), here H(v), which the divergence has to include. The paper
//! estimates the cross-entropy; under N(m, s²) it depends on first and second moments only, which are E v = 0 and
//! E vᵢ² = E r² E uᵢ² = 1/n:
//!
//! KL = Σ (ln(s/σ) + (σ²/n + (μ − m)²)/(2s²)) + n/2 ln 2π − H(v).

use crate::distribution::log_scale::log_scales;
use crate::divergence::squared_distance::squared_distance;
use crate::divergence::{Divergence, in_double};
use crate::engine::{Real, Var};
use crate::posterior::Radial;
use crate::posterior::{check, radial};
use crate::prior::Normal;
use crate::properties::Yes;
use crate::sampling::Cx;

/// n ln s + n/2 ln 2π − H(v).
fn constant(n: usize, prior: Normal) -> f64 {
    n as f64 * (prior.sd().ln() + 0.5 * std::f64::consts::TAU.ln()) - radial::entropy(n)
}

impl<T: Real> Divergence<Normal> for Radial<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Normal) -> f64 {
        in_double(self, prior)
    }

    fn kl_on<'t>(&'t self, prior: &'t Normal, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        check(self);
        let [mean, rho] = [&self.parameters.mean, &self.parameters.rho].map(|parameter| cx.tape().param(parameter));
        let n = rho.len();
        let squares = (rho.softplus() * prior.inverse_sd::<T>()).square().sum() * (n.max(1) as f64).recip();
        (squares + squared_distance(mean, *prior)) * 0.5 + constant(n, *prior) - log_scales(rho)
    }
}
