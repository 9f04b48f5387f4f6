//! KL divergence of the spike-and-slab posterior from the spike-and-slab prior.
//!
//! KL = Σ (KL(Bernoulli(π) ‖ Bernoulli(p)) + π KL(N(μ, σ²) ‖ N(0, s²))): each slab is weighted by its inclusion probability.

use crate::distribution::log_scale::log_scale;
use crate::divergence::{Divergence, in_double};
use crate::engine::{Real, Var};
use crate::posterior::SpikeAndSlab;
use crate::posterior::check;
use crate::prior::SpikeAndSlabPrior;
use crate::properties::Yes;
use crate::sampling::Cx;
use crate::scalar::inverse;

impl<T: Real> Divergence<SpikeAndSlabPrior> for SpikeAndSlab<T> {
    type Exact = Yes;

    fn kl(&self, prior: &SpikeAndSlabPrior) -> f64 {
        in_double(self, prior)
    }

    fn kl_on<'t>(&'t self, prior: &'t SpikeAndSlabPrior, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        check(self);
        let [mean, rho, log_odds] =
            [&self.slab.mean, &self.slab.rho, &self.inclusion].map(|parameter| cx.tape().param(parameter));
        let (p, s) = (prior.inclusion(), prior.slab_sd());
        // ln π = −softplus(−λ), ln(1 − π) = −softplus(λ).
        let inverse = inverse::<T>("SpikeAndSlabPrior", s);
        let squares = (rho.softplus() * inverse).square() + (mean * inverse).square();
        let slab = squares * 0.5 - log_scale(rho);
        let open = slab - (-log_odds).softplus() + (s.ln() - 0.5 - p.ln());
        let shut = -(log_odds.softplus() + (-p).ln_1p());
        (log_odds.sigmoid() * open + (-log_odds).sigmoid() * shut).sum()
    }
}
