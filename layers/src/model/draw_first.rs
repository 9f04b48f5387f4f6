//! The compile error for calling `model.forward(x)` on a model that was not drawn.

use crate::engine::{Parameters, Var};
use crate::model::Bayesian;

/// Implemented by no type. Its message tells the user to draw the model first.
#[diagnostic::on_unimplemented(
    message = "`forward` is a method of the draw: draw `{Self}` first",
    label = "a model, not its draw",
    note = "write `let net = model.draw(&tape, key); net.forward(x)`",
    note = "in a method that calls the model's layers, put `#[bayesian]` on the `impl` block, where `self` is the draw"
)]
pub trait DrawFirst {}

/// Gives models a method `forward` that never compiles, whose error explains [what to do](DrawFirst).
#[doc(hidden)]
pub trait Undrawn: Bayesian {
    #[doc(hidden)]
    fn forward<X>(&self, _: X) -> Var<'static, <Self as Parameters>::Scalar>
    where
        Self: DrawFirst,
    {
        unreachable!("no type implements `DrawFirst`")
    }
}

impl<M: Bayesian> Undrawn for M {}
