//! KL divergences of the mean-field Laplace from a Laplace prior and from a normal prior.

use std::f64::consts::FRAC_PI_2;

use super::mean_field;
use crate::distribution::elementwise::{At, ElementwiseTerm};
use crate::distribution::log_scale::log_slope;
use crate::divergence::Divergence;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Real, Var};
use crate::posterior::MeanFieldLaplace;
use crate::prior::{LaplacePrior, Normal};
use crate::properties::Yes;
use crate::sampling::Cx;

/// ln(s/b) + (b e^(−d/b) + d)/s − 1 for every element, where d = |μ − m|, b is the posterior's scale and s the prior's.
impl<T: Real> Divergence<LaplacePrior> for MeanFieldLaplace<T> {
    type Exact = Yes;

    fn kl(&self, prior: &LaplacePrior) -> f64 {
        mean_field::kl(&self.parameters, FromLaplace(*prior), 0.0)
    }

    fn kl_on<'t>(&'t self, prior: &'t LaplacePrior, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        mean_field::kl_on(&self.parameters, FromLaplace(*prior), None, cx)
    }
}

/// ln(s √(2π)/2be) + (2b² + (μ − m)²)/2s² for every element.
impl<T: Real> Divergence<Normal> for MeanFieldLaplace<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Normal) -> f64 {
        mean_field::kl(&self.parameters, FromNormal(*prior), 0.0)
    }

    fn kl_on<'t>(&'t self, prior: &'t Normal, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        mean_field::kl_on(&self.parameters, FromNormal(*prior), None, cx)
    }
}

#[derive(Clone, Copy)]
struct FromLaplace(LaplacePrior);

/// d/b; zero if d is zero, even if b has underflowed.
#[inline(always)]
fn ratio(away: f64, scale: f64) -> f64 {
    let ratio = away.abs() / scale;
    if away == 0.0 { 0.0 } else { ratio }
}

impl ElementwiseTerm<2> for FromLaplace {
    const NAME: &'static str = "divergence of a Laplace from Laplace";

    #[inline(always)]
    fn value<S: Simd>(self, [mean, rho]: [f64; 2], _: At) -> f64 {
        let (away, scale) = (mean - self.0.mean(), Math::softplus::<S>(rho));
        let expected = scale * Math::exp::<S>(-ratio(away, scale)) + away.abs();
        self.0.scale().ln() - Math::log_softplus::<S>(rho) + expected / self.0.scale() - 1.0
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mean, rho]: [f64; 2], _: At) -> f64 {
        let away = mean - self.0.mean();
        let x = ratio(away, Math::softplus::<S>(rho));
        let tail = Math::exp::<S>(-x);
        if K == 0 {
            let towards = (1.0 - tail).copysign(away) / self.0.scale();
            if away == 0.0 { 0.0 } else { towards }
        } else {
            // x e^(−x), which is zero for infinite x.
            let far = if tail == 0.0 { 0.0 } else { x * tail };
            (tail + far) / self.0.scale() * Math::sigmoid::<S>(rho) - log_slope::<S>(rho)
        }
    }
}

#[derive(Clone, Copy)]
struct FromNormal(Normal);

impl ElementwiseTerm<2> for FromNormal {
    const NAME: &'static str = "divergence of a Laplace from Normal";

    #[inline(always)]
    fn value<S: Simd>(self, [mean, rho]: [f64; 2], _: At) -> f64 {
        let away = (mean - self.0.mean()) / self.0.sd();
        let scale = Math::softplus::<S>(rho) / self.0.sd();
        self.0.sd().ln() + 0.5 * FRAC_PI_2.ln() - 1.0 - Math::log_softplus::<S>(rho) + scale * scale + 0.5 * away * away
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mean, rho]: [f64; 2], _: At) -> f64 {
        let sd = self.0.sd();
        if K == 0 {
            (mean - self.0.mean()) / sd / sd
        } else {
            2.0 * Math::softplus::<S>(rho) / sd / sd * Math::sigmoid::<S>(rho) - log_slope::<S>(rho)
        }
    }
}
