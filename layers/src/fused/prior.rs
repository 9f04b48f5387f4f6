//! Priors of the fused kernels: constant, or with a scale that is learned.

use super::{Draw, Scaled, sum_items};
use crate::engine::{Adjoints, Evaluation, Operation, Real, Var};

/// The prior of a draw, in a form that does not depend on whether its scale is learned.
pub(crate) trait Prior<'t, T: Real>: Copy {
    fn scaled(self) -> Scaled<T>;

    /// Records the operation, with the prior's hyperparameters as inputs after μ and ρ.
    fn record<const K: usize>(self, draw: Draw<'t, T>, q: [Var<'t, T>; 2], outputs: [&[usize]; K]) -> [Var<'t, T>; K];
}

impl<'t, T: Real> Prior<'t, T> for Scaled<T> {
    fn scaled(self) -> Scaled<T> {
        self
    }

    fn record<const K: usize>(self, draw: Draw<'t, T>, q: [Var<'t, T>; 2], outputs: [&[usize]; K]) -> [Var<'t, T>; K] {
        q[0].tape().record(draw, &q, outputs)
    }
}

/// N(0, s²) with ln s on the tape.
#[derive(Clone, Copy)]
pub(crate) struct Learned<'t, T: Real>(pub(crate) Var<'t, T>);

impl<'t, T: Real> Prior<'t, T> for Learned<'t, T> {
    /// A stand-in: [`OfLearned`] reads ln s in each pass, because it may differ between draws.
    fn scaled(self) -> Scaled<T> {
        Scaled::unit()
    }

    fn record<const K: usize>(self, draw: Draw<'t, T>, q: [Var<'t, T>; 2], outputs: [&[usize]; K]) -> [Var<'t, T>; K] {
        self.0.tape().record(OfLearned(draw), &[q[0], q[1], self.0], outputs)
    }
}

/// The operation under a prior N(0, s²) whose ln s is its third input: ∂KL/∂ln s = Σ (1 − (σ² + μ²)/s²).
#[derive(Clone, Copy)]
struct OfLearned<'t, T>(Draw<'t, T>);

impl<'t, T: Real> OfLearned<'t, T> {
    /// The operation under the prior of this ln s.
    fn given(&self, ln_sd: T) -> Draw<'t, T> {
        let ln_sd = ln_sd.to_f64();
        Draw { prior: Scaled::new(0.0, (-ln_sd).exp(), ln_sd), ..self.0 }
    }
}

impl<T: Real> Operation<T> for OfLearned<'_, T> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        self.given(io.input(2).data[0]).forward(io);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let draw = self.given(io.input(2).data[0]);
        let kl = draw.upstream_of_kl(io).to_f64();
        let mut slope = 0.0;
        draw.adjoint_by::<true>(io, |targets, len, part| slope = len as f64 - sum_items(targets, len, part));
        io.give(2, |_| T::from_f64(if kl == 0.0 { 0.0 } else { kl * slope }));
    }
}
