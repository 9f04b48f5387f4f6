//! `Residual`: a layer plus its input.

use crate::engine::{Parameters, Var};
use crate::model::{Forward, Layer};
use crate::nn::Identity;
use elbo_macros::bayesian;

/// x + f(x), with any layer as f (He, Zhang, Ren and Sun 2016, "Deep Residual Learning"). Where f changes the shape, a
/// [`shortcut`](Residual::shortcut) such as a convolution by 1 changes that of x too: s(x) + f(x).
///
/// ```
/// use elbo::nn::{Conv2d, GroupNorm, Relu, Residual, Sequential};
/// use elbo::prelude::*;
///
/// let conv = |inputs, outputs| Conv2d::new(inputs, outputs, [3, 3]).padding([1, 1]);
/// let block = Residual::new(Sequential((conv(4, 8), GroupNorm::new(2, 8), Relu::new(), conv(8, 8))))
///     .shortcut(Conv2d::new(4, 8, [1, 1]));
/// let (tape, x) = (Tape::new(), Tensor::full([2, 4, 6, 6], 0.5));
/// assert_eq!(block.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [2, 8, 6, 6]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct Residual<F: Layer, S: Layer<Scalar = F::Scalar> = Identity<<F as Parameters>::Scalar>> {
    /// f.
    pub branch: F,
    /// s; the identity without a projection.
    pub shortcut: S,
}

impl<F: Layer> Residual<F> {
    /// x + f(x).
    pub fn new(branch: F) -> Self {
        Residual { branch, shortcut: Identity::new() }
    }

    /// s(x) + f(x).
    pub fn shortcut<S: Layer<Scalar = F::Scalar>>(self, shortcut: S) -> Residual<F, S> {
        Residual { branch: self.branch, shortcut }
    }
}

#[bayesian]
impl<F: Layer, S: Layer<Scalar = F::Scalar>> Residual<F, S> {
    /// s(x) + f(x).
    ///
    /// # Panics
    /// If both have different shapes: nothing is broadcast. Where a layer inside panics.
    #[track_caller]
    pub fn forward(&self, x: Var<F::Scalar>) -> Var<F::Scalar> {
        let (shortcut, branch) = (self.shortcut.forward(x), self.branch.forward(x));
        assert!(
            shortcut.shape() == branch.shape(),
            "Residual: the branch makes {:?} of x of shape {:?}, and the shortcut {:?}; expected equal shapes: use a \
             `shortcut` that changes that of x",
            branch.shape(),
            x.shape(),
            shortcut.shape()
        );
        shortcut + branch
    }
}
