//! Computes a model's outputs from a draw: by its own `forward`, or by a function.

use std::sync::Arc;

use crate::engine::Var;
use crate::model::Bayesian;
use crate::model::{Forward, Model, ModelOutput};

/// Maps a draw of `M` and a batch's inputs to outputs.
pub(crate) trait Outputs<M: Bayesian> {
    fn outputs<'t>(&self, net: M::Draw<'t>, x: Var<'t, M::Scalar>) -> Var<'t, M::Scalar>;
}

/// Calls the model's `forward`.
pub(crate) struct Own;

impl<M: Model> Outputs<M> for Own {
    fn outputs<'t>(&self, net: M::Draw<'t>, x: Var<'t, M::Scalar>) -> Var<'t, M::Scalar> {
        net.forward(x).join()
    }
}

/// Calls a function.
pub(crate) struct By<F>(pub(crate) F);

impl<M, F> Outputs<M> for By<F>
where
    M: Bayesian,
    F: for<'t> Fn(M::Draw<'t>, Var<'t, M::Scalar>) -> Var<'t, M::Scalar>,
{
    fn outputs<'t>(&self, net: M::Draw<'t>, x: Var<'t, M::Scalar>) -> Var<'t, M::Scalar> {
        (self.0)(net, x)
    }
}

/// A forward whose type is erased.
pub(crate) type AnyOutputs<'m, M> = Arc<dyn Outputs<M> + Send + Sync + 'm>;

impl<M: Bayesian> Outputs<M> for AnyOutputs<'_, M> {
    fn outputs<'t>(&self, net: M::Draw<'t>, x: Var<'t, M::Scalar>) -> Var<'t, M::Scalar> {
        (**self).outputs(net, x)
    }
}
