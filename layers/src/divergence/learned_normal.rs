//! KL divergences of `MeanField` and `Point` from a normal prior whose scale is learned.

use super::mean_field;
use crate::distribution::elementwise::{At, ElementwiseTerm};
use crate::distribution::log_scale::log_slope;
use crate::divergence::{Divergence, in_double};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Real, Var};
use crate::posterior::{MeanField, Point};
use crate::prior::{LearnedNormal, LearnedNormalDraw, log_density};
use crate::properties::Yes;
use crate::sampling::Cx;

/// KL(N(μ, σ²) ‖ N(0, s²)), differentiable with respect to s as well.
impl<T: Real> Divergence<LearnedNormal<T>> for MeanField<T> {
    type Exact = Yes;

    fn kl(&self, prior: &LearnedNormal<T>) -> f64 {
        mean_field::kl(self, Scaled, prior.ln_sd())
    }

    fn kl_on<'t>(&'t self, prior: LearnedNormalDraw<'t, T>, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        mean_field::kl_on(self, Scaled, Some(prior.ln_sd), cx)
    }
}

/// −ln N(w; 0, s²).
impl<T: Real> Divergence<LearnedNormal<T>> for Point<T> {
    type Exact = Yes;

    fn kl(&self, prior: &LearnedNormal<T>) -> f64 {
        in_double(self, &prior.double())
    }

    fn kl_on<'t>(&'t self, prior: LearnedNormalDraw<'t, T>, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        -log_density(prior, cx.tape().param(&self.0))
    }
}

/// ln(s/σ) + (σ² + μ²)/(2s²) − ½, with ln s shared by all elements. It uses logarithms, because σ and s may both have underflowed.
#[derive(Clone, Copy)]
struct Scaled;

/// σ/s, μ/s and 1/s; the last two are zero for a mean of zero, even if 1/s has overflowed.
#[inline(always)]
fn scaled<S: Simd>(mean: f64, rho: f64, ln_sd: f64) -> [f64; 3] {
    let inverse_sd = if mean == 0.0 { 0.0 } else { Math::exp::<S>(-ln_sd) };
    [Math::exp::<S>(Math::log_softplus::<S>(rho) - ln_sd), mean * inverse_sd, inverse_sd]
}

impl ElementwiseTerm<2> for Scaled {
    const NAME: &'static str = "divergence from a normal of learned scale";

    #[inline(always)]
    fn value<S: Simd>(self, [mean, rho]: [f64; 2], at: At) -> f64 {
        let [scale, away, _] = scaled::<S>(mean, rho, at.shared);
        at.shared - Math::log_softplus::<S>(rho) + 0.5 * (scale * scale + away * away - 1.0)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mean, rho]: [f64; 2], at: At) -> f64 {
        let [scale, away, inverse_sd] = scaled::<S>(mean, rho, at.shared);
        match K {
            0 => away * inverse_sd,
            1 => (scale * scale - 1.0) * log_slope::<S>(rho),
            _ => 1.0 - scale * scale - away * away,
        }
    }
}
