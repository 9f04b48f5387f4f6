//! Checks at compile time that all parts of a model share one scalar type.

use crate::engine::Real;
use crate::estimator::Weight;
use crate::sampling::Cx;

/// Implemented for every number type and itself. In the bound of a method that takes the number type of the model from
/// its arguments, `T: SameScalar<Self::Scalar>`, it says what is wrong with a part of another, where an equality would have
/// rustc say that the arguments are.
#[diagnostic::on_unimplemented(
    message = "a model has one number type: here is a part in `{S}`, of a model in `{Self}`",
    label = "this is in `{S}`",
    note = "the number type of a model is that of its first random weight, or of its first layer where there is none: write it for every part, as in `MeanField<{Self}>` and `Dense<MeanField<{Self}>>`"
)]
pub trait SameScalar<S: Real>: Real {
    /// What a part is drawn with.
    fn cx<'t>(cx: Cx<'t, Self>) -> Cx<'t, S>;

    /// A weight, drawn.
    fn weight(weight: Weight<'_, S>) -> Weight<'_, Self>;
}

impl<T: Real> SameScalar<T> for T {
    fn cx<'t>(cx: Cx<'t, Self>) -> Cx<'t, T> {
        cx
    }

    fn weight(weight: Weight<'_, T>) -> Weight<'_, Self> {
        weight
    }
}
