//! KL divergence of the mean-field normal from a normal prior with a mean and a standard deviation for every element.

use super::mean_field;
use crate::distribution::elementwise::{At, ElementwiseTerm};
use crate::distribution::log_scale::log_slope;
use crate::divergence::Divergence;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Real, Var};
use crate::posterior::MeanField;
use crate::prior::Normals;
use crate::properties::Yes;
use crate::sampling::Cx;

/// KL(N(μ, σ²) ‖ N(m, s²)) = ln(s/σ) + (σ² + (μ − m)²)/(2s²) − ½ for every element.
impl<T: Real> Divergence<Normals> for MeanField<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Normals) -> f64 {
        prior.check(self.mean.shape());
        mean_field::kl(self, Each(prior), 0.0)
    }

    fn kl_on<'t>(&'t self, prior: &'t Normals, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        prior.check(self.mean.shape());
        mean_field::kl_on(self, Each(prior), None, cx)
    }
}

#[derive(Clone, Copy)]
struct Each<'t>(&'t Normals);

impl ElementwiseTerm<2> for Each<'_> {
    const NAME: &'static str = "divergence from Normals";

    #[inline(always)]
    fn value<S: Simd>(self, [mean, rho]: [f64; 2], at: At) -> f64 {
        let (own_mean, own_sd) = (self.0.mean().at(at.element), self.0.sd().at(at.element));
        let (away, scale) = ((mean - own_mean) / own_sd, Math::softplus::<S>(rho) / own_sd);
        own_sd.ln() - Math::log_softplus::<S>(rho) + 0.5 * (scale * scale + away * away - 1.0)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mean, rho]: [f64; 2], at: At) -> f64 {
        let (own_mean, own_sd) = (self.0.mean().at(at.element), self.0.sd().at(at.element));
        if K == 0 {
            (mean - own_mean) / own_sd / own_sd
        } else {
            Math::softplus::<S>(rho) / own_sd / own_sd * Math::sigmoid::<S>(rho) - log_slope::<S>(rho)
        }
    }
}
