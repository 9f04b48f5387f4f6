//! The traits `Forward`, `Model` and `Layer`, through which generic code calls a model's forward.

use crate::engine::{Parameters, Real, Var};
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

/// What the `forward` of a [`Model`] may return: a variable, a tuple of variables for several heads, or a type of your own.
///
/// The parts are joined to one output for each example, (examples, ..), of which a likelihood such as
/// [`Heads`](crate::Heads) takes its own.
///
/// ```
/// use elbo::prelude::*;
/// use elbo::ModelOutput;
///
/// struct Diagnosis<'t> {
///     severity: Var<'t>,
///     kind: Var<'t>,
/// }
///
/// impl<'t> ModelOutput<'t, f32> for Diagnosis<'t> {
///     fn join(self) -> Var<'t> {
///         (self.severity, self.kind).join()
///     }
/// }
/// ```
pub trait ModelOutput<'t, T: Real> {
    /// One output for each example, (examples, ..).
    ///
    /// # Panics
    /// If the parts have different numbers of examples.
    #[track_caller]
    fn join(self) -> Var<'t, T>;
}

impl<'t, T: Real> ModelOutput<'t, T> for Var<'t, T> {
    fn join(self) -> Var<'t, T> {
        self
    }
}

impl<'t, T: Real, const N: usize> ModelOutput<'t, T> for [Var<'t, T>; N] {
    /// The parts, flattened to (examples, elements), along the last axis.
    fn join(self) -> Var<'t, T> {
        let mut parts = self;
        for part in &mut parts {
            let &[examples, ref axes @ ..] = part.shape() else {
                panic!("forward: a part of the output is a scalar; expected (examples, ..)");
            };
            *part = part.reshape([examples, axes.iter().product()]);
        }
        Var::concat(&parts, -1)
    }
}

impl<'t, T: Real> ModelOutput<'t, T> for (Var<'t, T>, Var<'t, T>) {
    fn join(self) -> Var<'t, T> {
        <[Var<'t, T>; 2]>::from(self).join()
    }
}

impl<'t, T: Real> ModelOutput<'t, T> for (Var<'t, T>, Var<'t, T>, Var<'t, T>) {
    fn join(self) -> Var<'t, T> {
        <[Var<'t, T>; 3]>::from(self).join()
    }
}

impl<'t, T: Real> ModelOutput<'t, T> for (Var<'t, T>, Var<'t, T>, Var<'t, T>, Var<'t, T>) {
    fn join(self) -> Var<'t, T> {
        <[Var<'t, T>; 4]>::from(self).join()
    }
}

/// A [`Model`] at one lifetime of the tape.
pub trait ModelAt<'t>: Bayesian<Draw<'t> = <Self as ModelAt<'t>>::DrawAt> {
    /// The draw, with its forward.
    type DrawAt: Copy + Drawn<'t, Self::Scalar> + Forward<'t, Var<'t, Self::Scalar>, Out = Self::OutAt>;

    /// What its forward returns.
    type OutAt: ModelOutput<'t, Self::Scalar>;
}

impl<'t, M: Bayesian> ModelAt<'t> for M
where
    M::Draw<'t>: Forward<'t, Var<'t, M::Scalar>, Out: ModelOutput<'t, M::Scalar>>,
{
    type DrawAt = M::Draw<'t>;
    type OutAt = <M::Draw<'t> as Forward<'t, Var<'t, M::Scalar>>>::Out;
}

/// A model that can be trained and can predict: its forward maps one variable to a [`ModelOutput`].
pub trait Model: for<'t> ModelAt<'t> {}

impl<M: for<'t> ModelAt<'t>> Model for M {}

/// A [`Layer`] at one lifetime of the tape.
pub trait LayerAt<'t>: ModelAt<'t, OutAt = Var<'t, <Self as Parameters>::Scalar>> {}

impl<'t, M: ModelAt<'t, OutAt = Var<'t, <M as Parameters>::Scalar>>> LayerAt<'t> for M {}

/// A model whose forward maps one variable to one variable. Bound type parameters by it: `struct Residual<M: Layer>`.
pub trait Layer: for<'t> LayerAt<'t> {}

impl<M: for<'t> LayerAt<'t>> Layer for M {}
