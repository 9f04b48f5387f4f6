//! Spike and slab under spike and slab.
//!
//! KL = Σ (KL(Bernoulli(π) ‖ Bernoulli(p)) + π KL(N(μ, σ²) ‖ N(0, s²))): the slabs count as often as they are there.

use crate::distribution::exact::sum;
use crate::distribution::log_scale::{log_scale, log_softplus, softplus};
use crate::divergence::Divergence;
use crate::engine::{Real, Tensor, Var};
use crate::posterior::SpikeAndSlab;
use crate::posterior::{check, sigmoid};
use crate::prior::Given;
use crate::prior::SpikeAndSlabPrior;
use crate::properties::Yes;
use crate::sampling::Cx;
use crate::scalar::inverse;

impl<T: Real> Divergence<SpikeAndSlabPrior> for SpikeAndSlab<T> {
    type Exact = Yes;

    fn kl(&self, prior: &SpikeAndSlabPrior) -> f64 {
        check(self);
        let [mean, rho, log_odds] = [&self.slab.mean, &self.slab.rho, &self.inclusion].map(Tensor::data);
        let (p, s) = (prior.inclusion(), prior.slab_sd());
        sum(mean.len(), |i| {
            let [mean, rho, log_odds] = [mean[i], rho[i], log_odds[i]].map(T::to_f64);
            let slab = s.ln() - log_softplus(rho) + 0.5 * ((softplus(rho) / s).powi(2) + (mean / s).powi(2) - 1.0);
            // ln π = −softplus(−λ), ln(1 − π) = −softplus(λ).
            let open = slab - softplus(-log_odds) - p.ln();
            let shut = -softplus(log_odds) - (-p).ln_1p();
            sigmoid(log_odds) * open + sigmoid(-log_odds) * shut
        })
    }

    fn kl_on<'t>(
        &'t self,
        prior: Given<'t, SpikeAndSlabPrior, T>,
        cx: Cx<'t, T>,
        _: &dyn Fn() -> Var<'t, T>,
    ) -> Var<'t, T> {
        check(self);
        let [mean, rho, log_odds] =
            [&self.slab.mean, &self.slab.rho, &self.inclusion].map(|parameter| cx.tape().param(parameter));
        let (p, s) = (prior.inclusion(), prior.slab_sd());
        let inverse = inverse::<T>("SpikeAndSlabPrior", s);
        let squares = (rho.softplus() * inverse).square() + (mean * inverse).square();
        let slab = squares * 0.5 - log_scale(rho);
        let open = slab - (-log_odds).softplus() + (s.ln() - 0.5 - p.ln());
        let shut = -(log_odds.softplus() + (-p).ln_1p());
        (log_odds.sigmoid() * open + (-log_odds).sigmoid() * shut).sum()
    }
}
