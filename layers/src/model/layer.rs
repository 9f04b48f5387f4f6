//! The traits `Forward` and `Layer`, through which generic code calls a model's forward.

use crate::engine::Var;
use crate::model::{Bayesian, Drawn};

/// A draw with a method `forward(&self, x: X)`, from which `#[bayesian] impl` generates this impl.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not have a method `forward` that takes `{X}`",
    label = "this draw needs such a `forward`",
    note = "write `fn forward(&self, x: {X})` in an `impl` block of the model with `#[bayesian]`"
)]
pub trait Forward<'t, X> {
    /// The output type.
    type Out;

    /// The model's output.
    fn forward(&self, x: X) -> Self::Out;
}

/// A [`Layer`] at one lifetime of the tape.
pub trait LayerAt<'t>: Bayesian<Draw<'t> = <Self as LayerAt<'t>>::DrawAt> {
    /// The draw, with its forward.
    type DrawAt: Copy + Drawn<'t, Self::Scalar> + Forward<'t, Var<'t, Self::Scalar>, Out = Var<'t, Self::Scalar>>;
}

impl<'t, M: Bayesian> LayerAt<'t> for M
where
    M::Draw<'t>: Forward<'t, Var<'t, M::Scalar>, Out = Var<'t, M::Scalar>>,
{
    type DrawAt = M::Draw<'t>;
}

/// A model whose forward maps one variable to one variable. Bound type parameters by it: `struct Residual<M: Layer>`.
pub trait Layer: for<'t> LayerAt<'t> {}

impl<M: for<'t> LayerAt<'t>> Layer for M {}
