//! Cross-entropies of an element as functions of its mean and standard deviation, minus the entropy of a standard normal.

use std::f64::consts::{E, TAU};

use crate::distribution::elementwise::{At, ElementwiseTerm};
use crate::divergence::laplace;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::prior::{LaplacePrior, Normals};

/// Under N(mᵢ, sᵢ²).
#[derive(Clone, Copy)]
pub(super) struct FromNormals<'t>(pub(super) &'t Normals);

impl ElementwiseTerm<2> for FromNormals<'_> {
    const NAME: &'static str = "divergence from Normals, by moments";

    #[inline(always)]
    fn value<S: Simd>(self, [mean, sd]: [f64; 2], at: At) -> f64 {
        let (own_mean, own_sd) = (self.0.mean().at(at.element), self.0.sd().at(at.element));
        let (away, scale) = ((mean - own_mean) / own_sd, sd / own_sd);
        own_sd.ln() + 0.5 * (scale * scale + away * away - 1.0)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mean, sd]: [f64; 2], at: At) -> f64 {
        let (own_mean, own_sd) = (self.0.mean().at(at.element), self.0.sd().at(at.element));
        (if K == 0 { mean - own_mean } else { sd }) / own_sd / own_sd
    }
}

/// Under N(0, s²), with ln s shared by all elements.
#[derive(Clone, Copy)]
pub(super) struct FromScaled;

/// x/s and 1/s; both zero for x = 0, even if 1/s has overflowed.
#[inline(always)]
fn scaled<S: Simd>(x: f64, ln_sd: f64) -> [f64; 2] {
    let inverse_sd = if x == 0.0 { 0.0 } else { Math::exp::<S>(-ln_sd) };
    [x * inverse_sd, inverse_sd]
}

impl ElementwiseTerm<2> for FromScaled {
    const NAME: &'static str = "divergence from a normal of learned scale, by moments";

    #[inline(always)]
    fn value<S: Simd>(self, x: [f64; 2], at: At) -> f64 {
        let [[away, _], [scale, _]] = x.map(|x| scaled::<S>(x, at.shared));
        at.shared + 0.5 * (scale * scale + away * away - 1.0)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, x: [f64; 2], at: At) -> f64 {
        let [[away, by_mean], [scale, by_sd]] = x.map(|x| scaled::<S>(x, at.shared));
        match K {
            0 => away * by_mean,
            1 => scale * by_sd,
            _ => 1.0 - scale * scale - away * away,
        }
    }
}

/// Under Laplace(m, b), for a normal element.
#[derive(Clone, Copy)]
pub(super) struct FromLaplace(pub(super) LaplacePrior);

impl ElementwiseTerm<2> for FromLaplace {
    const NAME: &'static str = "divergence from Laplace, by moments";

    #[inline(always)]
    fn value<S: Simd>(self, [mean, sd]: [f64; 2], _: At) -> f64 {
        let distance = laplace::distance::<S>(mean - self.0.mean(), sd);
        (2.0 * self.0.scale()).ln() - 0.5 * (TAU * E).ln() + distance / self.0.scale()
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mean, sd]: [f64; 2], _: At) -> f64 {
        laplace::distance_slope::<S, K>(mean - self.0.mean(), sd) / self.0.scale()
    }
}
