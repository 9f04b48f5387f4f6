//! The mean-field normal under a Laplace prior.

use std::f64::consts::{E, FRAC_1_SQRT_2, FRAC_2_PI, TAU};

use super::mean_field::{self, log_slope};
use crate::elementwise::{At, Summand};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::{Cx, Divergence, Given, Laplace, MeanField, Real, Var, Yes};

/// KL(N(μ, σ²) ‖ Laplace(m, b)) = ln 2b − ½ ln(2πeσ²) + E|w − m|/b for every element, where with d = μ − m
/// E|w − m| = d erf(d/(σ√2)) + σ √(2/π) e^(−d²/2σ²), the mean of a folded normal (Leone, Nelson and Nottingham 1961).
impl<T: Real> Divergence<Laplace> for MeanField<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Laplace) -> f64 {
        mean_field::kl(self, FromLaplace(*prior), 0.0)
    }

    fn kl_on<'t>(&'t self, prior: Given<'t, Laplace, T>, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        mean_field::kl_on(self, FromLaplace(*prior), None, cx)
    }
}

#[derive(Clone, Copy)]
struct FromLaplace(Laplace);

impl FromLaplace {
    /// d, and d/σ: zero where d is, even if σ has vanished.
    #[inline(always)]
    fn away(self, mean: f64, sd: f64) -> (f64, f64) {
        let away = mean - self.0.mean();
        let ratio = away / sd;
        (away, if away == 0.0 { 0.0 } else { ratio })
    }
}

impl Summand<2> for FromLaplace {
    const NAME: &'static str = "divergence from Laplace";

    #[inline(always)]
    fn value<S: Simd>(self, [mean, rho]: [f64; 2], _: At) -> f64 {
        let sd = Math::softplus::<S>(rho);
        let (away, z) = self.away(mean, sd);
        let distance = away * libm::erf(z * FRAC_1_SQRT_2) + sd * FRAC_2_PI.sqrt() * Math::exp::<S>(-0.5 * z * z);
        (2.0 * self.0.scale()).ln() - 0.5 * (TAU * E).ln() - Math::log_softplus::<S>(rho) + distance / self.0.scale()
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mean, rho]: [f64; 2], _: At) -> f64 {
        let (_, z) = self.away(mean, Math::softplus::<S>(rho));
        // The derivatives of the two arguments of E|w − m| in its own summands cancel.
        if K == 0 {
            libm::erf(z * FRAC_1_SQRT_2) / self.0.scale()
        } else {
            let by_sd = FRAC_2_PI.sqrt() * Math::exp::<S>(-0.5 * z * z) / self.0.scale();
            by_sd * Math::sigmoid::<S>(rho) - log_slope::<S>(rho)
        }
    }
}
