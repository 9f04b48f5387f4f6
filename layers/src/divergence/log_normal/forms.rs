//! The divergence of one log-normal element from normal, log-uniform and Laplace priors, and its derivatives.

use std::f64::consts::{E, FRAC_1_SQRT_2, FRAC_2_PI, TAU};

use crate::distribution::elementwise::{At, ElementwiseTerm};
use crate::distribution::log_scale::log_slope;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::prior::{LaplacePrior, Normals};

/// KL from the prior N(mean, sd²), plus a constant.
#[derive(Clone, Copy)]
pub(super) struct Squares {
    pub(super) mean: f64,
    pub(super) sd: f64,
    pub(super) constant: f64,
}

impl ElementwiseTerm<2> for Squares {
    const NAME: &'static str = "divergence of a log-normal from a normal";

    #[inline(always)]
    fn value<S: Simd>(self, [mu, rho]: [f64; 2], _: At) -> f64 {
        let sigma = Math::softplus::<S>(rho);
        // Var w = (E w)² (e^σ² − 1), which loses no digits where σ is small.
        let mean = Math::exp::<S>(mu + 0.5 * sigma * sigma) / self.sd;
        let away = mean - self.mean / self.sd;
        let variance = mean * mean * Math::exp_m1::<S>(sigma * sigma);
        self.sd.ln() + self.constant - Math::log_softplus::<S>(rho) - mu - 0.5 + 0.5 * (variance + away * away)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mu, rho]: [f64; 2], _: At) -> f64 {
        let sigma = Math::softplus::<S>(rho);
        let mean = Math::exp::<S>(mu + 0.5 * sigma * sigma) / self.sd;
        // E w (w − m)/s², and E w (2w − m)/s².
        let square = mean * mean * Math::exp::<S>(sigma * sigma);
        let cross = mean * (self.mean / self.sd);
        if K == 0 {
            square - cross - 1.0
        } else {
            (2.0 * square - cross) * sigma * Math::sigmoid::<S>(rho) - log_slope::<S>(rho)
        }
    }
}

/// KL from the prior N(mᵢ, sᵢ²).
#[derive(Clone, Copy)]
pub(super) struct Each<'t>(pub(super) &'t Normals);

impl Each<'_> {
    #[inline(always)]
    fn of(self, at: At) -> Squares {
        Squares { mean: self.0.mean().at(at.element), sd: self.0.sd().at(at.element), constant: 0.0 }
    }
}

impl ElementwiseTerm<2> for Each<'_> {
    const NAME: &'static str = "divergence of a log-normal from Normals";

    #[inline(always)]
    fn value<S: Simd>(self, x: [f64; 2], at: At) -> f64 {
        self.of(at).value::<S>(x, at)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, x: [f64; 2], at: At) -> f64 {
        self.of(at).slope::<S, K>(x, at)
    }
}

/// KL from the prior N(0, s²), with ln s shared by all elements.
#[derive(Clone, Copy)]
pub(super) struct Scaled;

/// E w²/s².
#[inline(always)]
fn square<S: Simd>(mu: f64, rho: f64, ln_sd: f64) -> f64 {
    let sigma = Math::softplus::<S>(rho);
    Math::exp::<S>(2.0 * (mu + sigma * sigma - ln_sd))
}

impl ElementwiseTerm<2> for Scaled {
    const NAME: &'static str = "divergence of a log-normal from a normal of learned scale";

    #[inline(always)]
    fn value<S: Simd>(self, [mu, rho]: [f64; 2], at: At) -> f64 {
        at.shared - mu - Math::log_softplus::<S>(rho) - 0.5 + 0.5 * square::<S>(mu, rho, at.shared)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mu, rho]: [f64; 2], at: At) -> f64 {
        let square = square::<S>(mu, rho, at.shared);
        match K {
            0 => square - 1.0,
            1 => 2.0 * square * Math::softplus::<S>(rho) * Math::sigmoid::<S>(rho) - log_slope::<S>(rho),
            _ => 1.0 - square,
        }
    }
}

/// KL from the log-uniform prior, whose density is proportional to 1/w.
#[derive(Clone, Copy)]
pub(super) struct Logarithms;

impl ElementwiseTerm<2> for Logarithms {
    const NAME: &'static str = "divergence of a log-normal from LogUniform";

    #[inline(always)]
    fn value<S: Simd>(self, [_, rho]: [f64; 2], _: At) -> f64 {
        -0.5 * (TAU * E).ln() - Math::log_softplus::<S>(rho)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [_, rho]: [f64; 2], _: At) -> f64 {
        if K == 0 { 0.0 } else { -log_slope::<S>(rho) }
    }
}

/// KL from the prior Laplace(m, b): E|w − m| = E w · erf(d/√2 + σ/√2) − m · erf(d/√2) with d = (μ − ln m)/σ where m is positive (the
/// partial expectation of a log-normal), and E w − m otherwise.
#[derive(Clone, Copy)]
pub(super) struct Distance(pub(super) LaplacePrior);

impl Distance {
    /// erf(d/√2), erf((d + σ)/√2) and the slope of the latter.
    #[inline(always)]
    fn parts<S: Simd>(self, mu: f64, sigma: f64) -> [f64; 3] {
        let m = self.0.mean();
        if m <= 0.0 {
            return [1.0, 1.0, 0.0];
        }
        let away = mu - m.ln();
        let ratio = away / sigma;
        let d = if away == 0.0 { 0.0 } else { ratio };
        let upper = d + sigma;
        let slope = FRAC_2_PI.sqrt() * Math::exp::<S>(-0.5 * upper * upper);
        [libm::erf(d * FRAC_1_SQRT_2), libm::erf(upper * FRAC_1_SQRT_2), slope]
    }
}

impl ElementwiseTerm<2> for Distance {
    const NAME: &'static str = "divergence of a log-normal from Laplace";

    #[inline(always)]
    fn value<S: Simd>(self, [mu, rho]: [f64; 2], _: At) -> f64 {
        let (sigma, b) = (Math::softplus::<S>(rho), self.0.scale());
        let [at_m, at_mean, _] = self.parts::<S>(mu, sigma);
        let distance = Math::exp::<S>(mu + 0.5 * sigma * sigma) * at_mean - self.0.mean() * at_m;
        (2.0 * b).ln() - mu - Math::log_softplus::<S>(rho) - 0.5 * (TAU * E).ln() + distance / b
    }

    /// The derivatives of erf cancel, except that with respect to σ through the shift of the upper argument.
    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mu, rho]: [f64; 2], _: At) -> f64 {
        let sigma = Math::softplus::<S>(rho);
        let [_, at_mean, slope] = self.parts::<S>(mu, sigma);
        let mean = Math::exp::<S>(mu + 0.5 * sigma * sigma) / self.0.scale();
        if K == 0 {
            mean * at_mean - 1.0
        } else {
            mean * (sigma * at_mean + slope) * Math::sigmoid::<S>(rho) - log_slope::<S>(rho)
        }
    }
}
