//! The compile error for calling `model.forward(x)` on a model that was not drawn.

use crate::engine::{Parameters, Var};
use crate::model::Bayesian;

/// Implemented by no type. Its message tells the user to draw the model first.
#[diagnostic::on_unimplemented(
    message = "draw first: `forward` is a method of a draw, and `{Self}` is not drawn",
    label = "a model, not its draw; in a method of a model, write `#[bayesian]` on the `impl` block",
    note = "write `let net = model.draw(&tape, key); net.forward(x)`",
    note = "in an `impl` block with `#[bayesian]`, `self` is the draw"
)]
pub trait DrawFirst {}

/// Gives a model with `#[bayesian]` a method `forward` that never compiles, whose error explains [what to do](DrawFirst).
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
