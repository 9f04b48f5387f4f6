//! The compile error for `model.forward(x)` without a draw.

use crate::engine::{Parameters, Var};
use crate::model::Bayesian;

/// Implemented by no type. Its message tells the user to draw the model first.
#[diagnostic::on_unimplemented(
    message = "draw first: `{Self}` has no weights before it is drawn, and `forward` is a method of its draw",
    label = "a model, not a draw of it; in a method of a model, write `#[bayesian]` on the `impl` block",
    note = "draw its weights and use the draw: `let net = model.draw(&tape, key); net.forward(x)`",
    note = "in an `impl` block with `#[bayesian]`, `self` is the draw, and so are its layers"
)]
pub trait DrawFirst {}

/// Gives a model with `#[bayesian]` a method `forward` that never compiles: calling it says [what to do](DrawFirst).
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
