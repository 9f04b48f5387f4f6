//! What the closed forms of the mean-field normal share: sums of one function of μ and ρ.

use crate::drawing::Cx;
use crate::elementwise::{Summand, sum, total};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Real, Var};
use crate::posterior::MeanField;
use crate::posterior::check;

/// Below this ρ, ln softplus(ρ) is ρ to within e^−40/2, while softplus(ρ) itself may underflow.
const VANISHING: f64 = -40.0;

/// Σ f(μ, ρ) without a tape.
pub(super) fn kl<T: Real>(q: &MeanField<T>, f: impl Summand<2>, shared: f64) -> f64 {
    check(q);
    total(f, [q.mean.data(), q.rho.data()], shared)
}

/// Σ f(μ, ρ) on the tape.
pub(super) fn kl_on<'t, T: Real>(
    q: &'t MeanField<T>,
    f: impl Summand<2> + 't,
    shared: Option<Var<'t, T>>,
    cx: Cx<'t, T>,
) -> Var<'t, T> {
    check(q);
    sum(f, [cx.tape().param(&q.mean), cx.tape().param(&q.rho)], shared)
}

/// d ln σ/dρ = sigmoid(ρ)/softplus(ρ), which tends to 1 where both vanish.
#[inline(always)]
pub(crate) fn log_slope<S: Simd>(rho: f64) -> f64 {
    let vanishes = rho < VANISHING;
    let divisor = if vanishes { 1.0 } else { Math::softplus::<S>(rho) };
    let ratio = Math::sigmoid::<S>(rho) / divisor;
    if vanishes { 1.0 } else { ratio }
}
