//! Checks at compile time that all parts of a model share one scalar type.

use crate::engine::Real;
use crate::estimator::Weight;
use crate::sampling::Cx;

/// Implemented for every scalar type and itself. The bound `T: SameScalar<Self::Scalar>`, with the model's scalar type `T`,
/// makes rustc report a part in another scalar type by this trait's message; an equality bound would make it report
/// mismatched arguments.
#[diagnostic::on_unimplemented(
    message = "this part is in `{S}`, but the model is in `{Self}`",
    label = "expected the scalar type `{Self}`",
    note = "the scalar type of a model is that of its first random weight, or else of its first layer; use it for every part, as in `MeanField<{Self}>` and `Dense<MeanField<{Self}>>`"
)]
pub trait SameScalar<S: Real>: Real {
    /// The context of the model, for drawing the part.
    fn cx<'t>(cx: Cx<'t, Self>) -> Cx<'t, S>;

    /// A weight of the part, as a weight of the model.
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
