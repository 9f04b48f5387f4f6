//! KL divergence of the mean-field normal from a Laplace prior.

use std::f64::consts::{E, FRAC_1_SQRT_2, FRAC_2_PI, TAU};

use super::mean_field;
use crate::distribution::elementwise::{At, ElementwiseTerm};
use crate::distribution::log_scale::log_slope;
use crate::divergence::Divergence;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Real, Var};
use crate::posterior::MeanField;
use crate::prior::LaplacePrior;
use crate::properties::Yes;
use crate::sampling::Cx;

/// KL(N(μ, σ²) ‖ Laplace(m, b)) = ln 2b − ½ ln(2πeσ²) + E|w − m|/b for every element, where with d = μ − m
/// E|w − m| = d erf(d/(σ√2)) + σ √(2/π) e^(−d²/2σ²), the mean of a folded normal (Leone, Nelson and Nottingham 1961).
impl<T: Real> Divergence<LaplacePrior> for MeanField<T> {
    type Exact = Yes;

    fn kl(&self, prior: &LaplacePrior) -> f64 {
        mean_field::kl(self, FromLaplace(*prior), 0.0)
    }

    fn kl_on<'t>(&'t self, prior: &'t LaplacePrior, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        mean_field::kl_on(self, FromLaplace(*prior), None, cx)
    }
}

/// E|w − m| of a normal whose mean differs from m by `away`.
#[inline(always)]
pub(super) fn distance<S: Simd>(away: f64, sd: f64) -> f64 {
    let z = ratio(away, sd);
    away * libm::erf(z * FRAC_1_SQRT_2) + sd * FRAC_2_PI.sqrt() * Math::exp::<S>(-0.5 * z * z)
}

/// The derivative of [`distance`] with respect to the mean, K = 0, or to the standard deviation. (The derivatives through
/// z cancel.)
#[inline(always)]
pub(super) fn distance_slope<S: Simd, const K: usize>(away: f64, sd: f64) -> f64 {
    let z = ratio(away, sd);
    if K == 0 { libm::erf(z * FRAC_1_SQRT_2) } else { FRAC_2_PI.sqrt() * Math::exp::<S>(-0.5 * z * z) }
}

/// d/σ; zero if d is zero, even if σ has underflowed.
#[inline(always)]
fn ratio(away: f64, sd: f64) -> f64 {
    let ratio = away / sd;
    if away == 0.0 { 0.0 } else { ratio }
}

#[derive(Clone, Copy)]
struct FromLaplace(LaplacePrior);

impl ElementwiseTerm<2> for FromLaplace {
    const NAME: &'static str = "divergence from Laplace";

    #[inline(always)]
    fn value<S: Simd>(self, [mean, rho]: [f64; 2], _: At) -> f64 {
        let distance = distance::<S>(mean - self.0.mean(), Math::softplus::<S>(rho));
        (2.0 * self.0.scale()).ln() - 0.5 * (TAU * E).ln() - Math::log_softplus::<S>(rho) + distance / self.0.scale()
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mean, rho]: [f64; 2], _: At) -> f64 {
        let slope = distance_slope::<S, K>(mean - self.0.mean(), Math::softplus::<S>(rho)) / self.0.scale();
        if K == 0 { slope } else { slope * Math::sigmoid::<S>(rho) - log_slope::<S>(rho) }
    }
}
