//! Sums of one function of μ and ρ over elements: shared by the closed forms of mean-field families.

use crate::distribution::elementwise::{ElementwiseTerm, sum, total};
use crate::engine::{Real, Var};
use crate::posterior::MeanField;
use crate::posterior::check;
use crate::sampling::Cx;

/// Σ f(μ, ρ) without a tape.
pub(super) fn kl<T: Real>(q: &MeanField<T>, f: impl ElementwiseTerm<2>, shared: f64) -> f64 {
    check(q);
    total(f, [q.mean.data(), q.rho.data()], shared)
}

/// Σ f(μ, ρ) on the tape.
pub(super) fn kl_on<'t, T: Real>(
    q: &'t MeanField<T>,
    f: impl ElementwiseTerm<2> + 't,
    shared: Option<Var<'t, T>>,
    cx: Cx<'t, T>,
) -> Var<'t, T> {
    check(q);
    sum(f, [cx.tape().param(&q.mean), cx.tape().param(&q.rho)], shared)
}
