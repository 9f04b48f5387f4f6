//! Calling a model's forward generically.

use crate::engine::Var;
use crate::model::{Bayesian, Drawn};

/// A draw with a `forward` from `X`: `#[bayesian] impl` writes it where there is `fn forward(&self, x: X)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `forward` from `{X}`",
    label = "a draw without this `forward`",
    note = "`#[bayesian]` on the model's `impl` writes it, where there is `fn forward(&self, x: {X})` of that one argument"
)]
pub trait Forward<'t, X> {
    /// What the forward gives.
    type Out;

    /// The model's output.
    fn forward(&self, x: X) -> Self::Out;
}

/// A [`Layer`] at one lifetime of the tape.
pub trait LayerAt<'t>: Bayesian<Draw<'t> = <Self as LayerAt<'t>>::DrawAt> {
    /// The draw, known to have a forward.
    type DrawAt: Copy + Drawn<'t, Self::Scalar> + Forward<'t, Var<'t, Self::Scalar>, Out = Var<'t, Self::Scalar>>;
}

impl<'t, M: Bayesian> LayerAt<'t> for M
where
    M::Draw<'t>: Forward<'t, Var<'t, M::Scalar>, Out = Var<'t, M::Scalar>>,
{
    type DrawAt = M::Draw<'t>;
}

/// A model from one variable to one variable. Generic containers say `struct Residual<M: Layer>`.
pub trait Layer: for<'t> LayerAt<'t> {}

impl<M: for<'t> LayerAt<'t>> Layer for M {}
