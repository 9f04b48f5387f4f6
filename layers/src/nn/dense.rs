//! The dense (fully connected) layer.

use crate::divergence::Divergence;
use crate::engine::{Real, Shape, Var};
use crate::nn::Projection;
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// x · Wᵀ + b: (.., inputs) to (.., outputs), with any posterior family and any prior.
#[bayesian]
#[derive(Clone, Debug)]
pub struct Dense<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// W, of shape (outputs, inputs).
    #[prior(self.prior)]
    pub weight: Q,
    /// b, of shape (outputs).
    #[prior(self.prior)]
    pub bias: Q,
    /// The prior of both. A learned prior, such as the scale of a [`LearnedNormal`](struct@crate::LearnedNormal), is learned
    /// with the layer.
    pub prior: P,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Dense<Q, P> {
    /// The layer's output.
    ///
    /// # Panics
    /// If the last axis of `x` is not the layer's inputs.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        x.affine(self.weight, self.bias)
    }
}

impl Dense {
    /// A layer in `f32` with prior N(0, 1), initialised by [`MeanField::new`].
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Dense::mean_field(inputs, outputs)
    }
}

impl<T: Real> Dense<MeanField<T>> {
    /// A layer in any scalar type with prior N(0, 1), initialised by [`MeanField::new`].
    #[track_caller]
    pub fn mean_field(inputs: usize, outputs: usize) -> Self {
        Dense { weight: MeanField::new([outputs, inputs]), bias: MeanField::new([outputs]), prior: Normal(0.0, 1.0) }
    }
}

initial_sd!(Dense: weight, bias);

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Dense<Q, P> {
    /// A layer of any posterior family under any prior: `posterior` makes a random weight from its shape, first the
    /// weight of shape (outputs, inputs), then the bias of shape (outputs).
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// let layer: Dense<MatrixNormal> = Dense::of(64, 10, MatrixNormal::new, Normal(0.0, 1.0));
    /// let layer: Dense<LowRank> = Dense::of(64, 10, |shape| LowRank::new(shape, 4), Normal(0.0, 1.0));
    /// ```
    #[track_caller]
    pub fn of(inputs: usize, outputs: usize, mut posterior: impl FnMut(Shape) -> Q, prior: P) -> Self {
        Dense { weight: posterior([outputs, inputs].into()), bias: posterior([outputs].into()), prior }
    }

    /// The layer without its bias: x · Wᵀ.
    ///
    /// ```
    /// use elbo::nn::Projection;
    /// use elbo::prelude::*;
    ///
    /// let layer: Projection = Dense::new(3, 2).without_bias();
    /// assert_eq!(layer.kl_terms().len(), 1);
    /// let (tape, zeros) = (Tape::new(), Tensor::zeros([4, 3]));
    /// assert_eq!(layer.draw(&tape, Key::new(1)).forward(tape.input(&zeros)).value(), [0.0; 8]);
    /// ```
    pub fn without_bias(self) -> Projection<Q, P> {
        Projection { weight: self.weight, bias: None, prior: self.prior }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar>>(self, prior: R) -> Dense<Q, R>
    where
        Q: Divergence<R>,
    {
        Dense { weight: self.weight, bias: self.bias, prior }
    }
}
