//! KL divergence of the mean-field normal from the log-uniform prior (variational dropout).

use super::{in_double, mean_field};
use crate::distribution::elementwise::{At, ElementwiseTerm, sum};
use crate::distribution::log_scale::log_slope;
use crate::divergence::Divergence;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Real, Var};
use crate::posterior::{DropoutNoise, MeanField, check};
use crate::prior::LogUniform;
use crate::properties::Approximate;
use crate::sampling::Cx;

/// k₁ − k₁ sigmoid(k₂ + k₃ ln α) + ½ ln(1 + 1/α) with α = σ²/μ² for every element (Molchanov, Ashukha and Vetrov 2017,
/// eq. 14, with the constant by which it tends to 0 as α → ∞). It approximates the divergence, which does not have an
/// elementary form, and is not a bound: its error is less than 0.01 nats in either direction.
impl<T: Real> Divergence<LogUniform> for MeanField<T> {
    type Exact = Approximate<(MeanField<T>, LogUniform)>;

    fn kl(&self, prior: &LogUniform) -> f64 {
        mean_field::kl(self, Fit(*prior), 0.0)
    }

    fn kl_on<'t>(&'t self, prior: &'t LogUniform, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        mean_field::kl_on(self, Fit(*prior), None, cx)
    }
}

/// As of a [`MeanField`] with means of 1, α = σ²: below 0.01 nats off for each element.
impl<T: Real> Divergence<LogUniform> for DropoutNoise<T> {
    type Exact = Approximate<(DropoutNoise<T>, LogUniform)>;

    fn kl(&self, prior: &LogUniform) -> f64 {
        in_double(self, prior)
    }

    fn kl_on<'t>(&'t self, prior: &'t LogUniform, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        check(self);
        let rho = cx.tape().param(&self.rho);
        let ones = cx.tape().constant(rho.shape(), |_| T::ONE);
        sum(Fit(*prior), [ones, rho], None) * self.each()
    }
}

const K1: f64 = 0.63576;
const K2: f64 = 1.8732;
const K3: f64 = 1.48695;

#[derive(Clone, Copy)]
struct Fit(LogUniform);

/// ln α, ∞ where μ is zero.
#[inline(always)]
fn ln_alpha<S: Simd>(mean: f64, rho: f64) -> f64 {
    2.0 * (Math::log_softplus::<S>(rho) - Math::ln::<S>(mean.abs()))
}

impl ElementwiseTerm<2> for Fit {
    const NAME: &'static str = "divergence from LogUniform";

    #[inline(always)]
    fn value<S: Simd>(self, [mean, rho]: [f64; 2], _: At) -> f64 {
        let ln_alpha = ln_alpha::<S>(mean, rho);
        K1 * Math::sigmoid::<S>(-(K2 + K3 * ln_alpha)) + 0.5 * Math::softplus::<S>(-ln_alpha)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mean, rho]: [f64; 2], _: At) -> f64 {
        let ln_alpha = ln_alpha::<S>(mean, rho);
        let fit = K2 + K3 * ln_alpha;
        // As α → ∞ both summands go to zero faster than 1/μ grows.
        let by_ln_alpha =
            -K1 * K3 * Math::sigmoid::<S>(fit) * Math::sigmoid::<S>(-fit) - 0.5 * Math::sigmoid::<S>(-ln_alpha);
        if K == 0 {
            let slope = -2.0 / mean * by_ln_alpha;
            if by_ln_alpha == 0.0 { 0.0 } else { slope }
        } else {
            2.0 * log_slope::<S>(rho) * by_ln_alpha
        }
    }
}
