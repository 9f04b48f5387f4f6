//! Closed-form divergences of pairs of which this crate defines the prior or the posterior, each implemented once, on the
//! tape.

use bayes::{Cx, Divergence, MeanField, Normal, Real, Var, Yes};

use crate::prior::count;
use crate::{Gumbel, Isotropic};

/// Under e^(−z − e^(−z))/β with z = w/β, and for w from N(μ, σ²), the mean of z is μ/β and that of e^(−z) is
/// e^(−μ/β + σ²/2β²).
fn from_gumbel<'t, T: Real>(mean: Var<'t, T>, log_sd: Var<'t, T>, prior: Gumbel) -> Var<'t, T> {
    let (z, ratio) = (mean / prior.scale(), (log_sd * 2.0).exp() / (2.0 * prior.scale().powi(2)));
    // Broadcasts the shared standard deviation to every element.
    let log_sds = log_sd + z * 0.0;
    let entropy = 0.5 * (1.0 + std::f64::consts::TAU.ln());
    (z + (ratio - z).exp() - log_sds).sum() + count(mean.len()) * (prior.scale().ln() - entropy)
}

/// ln(s/σ) + (σ² + (μ − m)²)/2s² − ½ for every element.
fn from_normal<'t, T: Real>(mean: Var<'t, T>, log_sd: Var<'t, T>, prior: Normal) -> Var<'t, T> {
    let distance = ((mean - prior.mean()).square() + (log_sd * 2.0).exp()) / (2.0 * prior.sd().powi(2));
    let log_sds = log_sd + mean * 0.0;
    (distance - log_sds).sum() + count(mean.len()) * (prior.sd().ln() - 0.5)
}

impl<T: Real> Divergence<Gumbel> for Isotropic<T> {
    type Exact = Yes;

    fn kl_on<'t>(&'t self, prior: &'t Gumbel, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        from_gumbel(cx.tape().param(&self.mean), cx.tape().param(&self.log_sd), *prior)
    }
}

impl<T: Real> Divergence<Normal> for Isotropic<T> {
    type Exact = Yes;

    fn kl_on<'t>(&'t self, prior: &'t Normal, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        from_normal(cx.tape().param(&self.mean), cx.tape().param(&self.log_sd), *prior)
    }
}

impl<T: Real> Divergence<Gumbel> for MeanField<T> {
    type Exact = Yes;

    fn kl_on<'t>(&'t self, prior: &'t Gumbel, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        from_gumbel(cx.tape().param(&self.mean), cx.tape().param(&self.rho).softplus().ln(), *prior)
    }
}
