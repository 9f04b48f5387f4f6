//! A certain weight under a prior: maximum a posteriori.

use crate::{Cx, Divergence, Given, Normal, Point, Prior, Real, Tape, Var, Yes};

/// −ln p(w). (The entropy of a point is no number; it does not depend on where the point is, and is
/// left out.)
impl<T: Real> Divergence<Normal> for Point<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Normal) -> f64 {
        let tape = Tape::<f64>::inference();
        -prior.log_density(tape.input(&self.0.cast())).item()
    }

    fn kl_on<'t>(&'t self, prior: Given<'t, Normal, T>, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        -prior.log_density(cx.tape().param(&self.0))
    }
}
