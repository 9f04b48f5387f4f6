//! The mean-field normal under a normal prior whose scale is learned, or drawn from a posterior of its own.

use super::mean_field;
use crate::distribution::elementwise::{At, ElementwiseTerm};
use crate::distribution::log_scale::log_slope;
use crate::divergence::Divergence;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Real, Var};
use crate::posterior::{MeanField, Point};
use crate::prior::{Given, HierarchicalNormal, LearnedNormal, Prior};
use crate::properties::{No, Yes};
use crate::sampling::Cx;

/// KL(N(μ, σ²) ‖ N(0, s²)), differentiable with respect to s as well.
impl<T: Real> Divergence<LearnedNormal<T>> for MeanField<T> {
    type Exact = Yes;

    fn kl(&self, prior: &LearnedNormal<T>) -> f64 {
        mean_field::kl(self, Scaled, prior.ln_sd())
    }

    fn kl_on<'t>(
        &'t self,
        prior: Given<'t, LearnedNormal<T>, T>,
        cx: Cx<'t, T>,
        _: &dyn Fn() -> Var<'t, T>,
    ) -> Var<'t, T> {
        mean_field::kl_on(self, Scaled, Some(prior.own().expect("it has a parameter of its own")), cx)
    }
}

/// KL(N(μ, σ²) ‖ N(0, s²)) given the s drawn: its mean over the posterior of s is that part of the divergence; the other
/// is that of s.
impl<T: Real, Q: Divergence<P, Scalar = T> + Send + Sync, P: Prior> Divergence<HierarchicalNormal<Q, P>>
    for MeanField<T>
{
    type Exact = No<(MeanField<T>, HierarchicalNormal<Q, P>)>;

    fn kl(&self, _: &HierarchicalNormal<Q, P>) -> f64 {
        f64::NAN
    }

    fn kl_on<'t>(
        &'t self,
        prior: Given<'t, HierarchicalNormal<Q, P>, T>,
        cx: Cx<'t, T>,
        _: &dyn Fn() -> Var<'t, T>,
    ) -> Var<'t, T> {
        mean_field::kl_on(self, Scaled, Some(prior.own().expect("it has a parameter of its own").ln()), cx)
    }
}

/// −ln N(w; 0, s²).
impl<T: Real> Divergence<LearnedNormal<T>> for Point<T> {
    type Exact = Yes;

    fn kl(&self, prior: &LearnedNormal<T>) -> f64 {
        super::point::negative_log_density(self, prior)
    }

    fn kl_on<'t>(
        &'t self,
        prior: Given<'t, LearnedNormal<T>, T>,
        cx: Cx<'t, T>,
        _: &dyn Fn() -> Var<'t, T>,
    ) -> Var<'t, T> {
        -prior.log_density(cx.tape().param(&self.0))
    }
}

/// −ln N(w; 0, s²) given the s drawn.
impl<T: Real, Q: Divergence<P, Scalar = T> + Send + Sync, P: Prior> Divergence<HierarchicalNormal<Q, P>> for Point<T> {
    type Exact = No<(Point<T>, HierarchicalNormal<Q, P>)>;

    fn kl(&self, _: &HierarchicalNormal<Q, P>) -> f64 {
        f64::NAN
    }

    fn kl_on<'t>(
        &'t self,
        prior: Given<'t, HierarchicalNormal<Q, P>, T>,
        cx: Cx<'t, T>,
        _: &dyn Fn() -> Var<'t, T>,
    ) -> Var<'t, T> {
        -prior.log_density(cx.tape().param(&self.0))
    }
}

/// ln(s/σ) + (σ² + μ²)/(2s²) − ½, with ln s shared by all elements. By logarithms: σ and s may both have vanished.
#[derive(Clone, Copy)]
struct Scaled;

/// σ/s, μ/s and 1/s; zero for a mean of zero, should 1/s have overflowed.
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
