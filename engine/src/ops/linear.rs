//! `Operand` and `Linear`: the traits by which variables and random weights enter linear maps.

use crate::ops::affine::affine;
use crate::ops::conv::convolve;
use crate::ops::conv::convolve_transposed;
use crate::ops::matmul::matmul;
use crate::{Activation, Convolution, Real, Transposed, Var};

/// A value on the tape, or something that can be turned into one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a value on the tape",
    label = "expected a variable or a drawn weight",
    note = "put a tensor on the tape with `tape.input(&tensor)`; a field of a model has a value only in a draw of the model, so a method that uses it needs `#[bayesian]` on its `impl` block"
)]
pub trait Operand<'t, T: Real>: Copy {
    /// The value.
    fn var(self) -> Var<'t, T>;

    /// The mean and variance of every element, if this is a random variable with independent elements that prefers to
    /// enter a sum by its moments.
    fn moments(self) -> Option<[Var<'t, T>; 2]> {
        None
    }
}

/// The weight of a linear map. A [`Var`] multiplies; a random weight of another crate may sample itself, sample the
/// map's output, or be perturbed per example, without special code in the engine.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the weight of a linear map on the tape",
    label = "expected a variable or a drawn weight",
    note = "put a tensor on the tape with `tape.input(&tensor)`; a field of a model has a value only in a draw of the model, so a method that uses it needs `#[bayesian]` on its `impl` block"
)]
pub trait Linear<'t, T: Real>: Operand<'t, T> {
    /// activation(x · selfᵀ + b), with this weight of shape (outputs, inputs).
    #[track_caller]
    fn affine(self, x: Var<'t, T>, b: Option<impl Operand<'t, T>>, activation: Activation) -> Var<'t, T> {
        affine(x, self.var(), b.map(Operand::var), activation)
    }

    /// x · self.
    #[track_caller]
    fn matmul(self, x: Var<'t, T>) -> Var<'t, T> {
        matmul(x, self.var())
    }

    /// The convolution of x with this weight, (outputs, channels / groups, kernel ..); see [`Var::convolve`].
    #[track_caller]
    fn convolve<const D: usize>(
        self,
        x: Var<'t, T>,
        b: Option<impl Operand<'t, T>>,
        settings: Convolution<D>,
    ) -> Var<'t, T> {
        convolve(x, self.var(), b.map(Operand::var), settings)
    }

    /// The transposed convolution of x with this weight, (channels, outputs / groups, kernel ..); see
    /// [`Var::convolve_transposed`].
    #[track_caller]
    fn convolve_transposed<const D: usize>(
        self,
        x: Var<'t, T>,
        b: Option<impl Operand<'t, T>>,
        settings: Transposed<D>,
    ) -> Var<'t, T> {
        convolve_transposed(x, self.var(), b.map(Operand::var), settings)
    }
}

impl<'t, T: Real> Operand<'t, T> for Var<'t, T> {
    fn var(self) -> Var<'t, T> {
        self
    }
}

impl<'t, T: Real> Linear<'t, T> for Var<'t, T> {}

impl<'t, T: Real> Var<'t, T> {
    /// x · wᵀ + b: x (.., inputs), `w` (outputs, inputs), `b` (outputs), result (.., outputs).
    ///
    /// # Panics
    /// If the shapes differ from these: nothing is broadcast.
    #[track_caller]
    pub fn affine(self, w: impl Linear<'t, T>, b: impl Operand<'t, T>) -> Var<'t, T> {
        w.affine(self, Some(b), Activation::Identity)
    }

    /// [`affine`](Var::affine) and an activation in one operation.
    ///
    /// # Panics
    /// As [`affine`](Var::affine).
    #[track_caller]
    pub fn affine_activated(self, w: impl Linear<'t, T>, b: impl Operand<'t, T>, activation: Activation) -> Var<'t, T> {
        w.affine(self, Some(b), activation)
    }

    /// x · wᵀ: [`affine`](Var::affine) without a bias.
    ///
    /// # Panics
    /// As [`affine`](Var::affine).
    #[track_caller]
    pub fn linear(self, w: impl Linear<'t, T>) -> Var<'t, T> {
        w.affine(self, None::<Var<'t, T>>, Activation::Identity)
    }

    /// The matrix product x · `w`, with numpy's rules: the last two axes are matrices, axes before
    /// them are batches and broadcast; a vector is a row on the left and a column on the right.
    ///
    /// # Panics
    /// If the shapes cannot be broadcast.
    #[track_caller]
    pub fn matmul(self, w: impl Linear<'t, T>) -> Var<'t, T> {
        w.matmul(self)
    }
}
