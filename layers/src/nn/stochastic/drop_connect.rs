//! `DropConnect`: a dense layer that sets weights to 0 at random.

use crate::divergence::Divergence;
use crate::engine::{Shape, Var};
use crate::nn::stochastic::Dropout;
use crate::nn::stochastic::source::{Rows, check_rate};
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A dense layer with DropConnect (Wan et al. 2013, "Regularization of Neural Networks using DropConnect"): x · (M ∘ W)ᵀ + b,
/// (.., inputs) to (.., outputs), where in training each element of the mask M is 0 with probability `rate` and
/// 1/(1 − `rate`) else, so that M ∘ W has the mean of W. The bias is not masked.
///
/// A draw has one mask, which all examples of the batch share: Wan et al. take a mask for each example, which needs a weight
/// for each. Several draws at once ([`Drawing::draws`](crate::Drawing::draws)) have a mask each. In predictions, and in
/// `evaluate`, the mask is 1, unless the layer is made by [`monte_carlo`](DropConnect::monte_carlo). W is sampled under every
/// estimator, because the mask multiplies its elements.
///
/// The KL divergence is that of W and b; the mask has none.
///
/// ```
/// use elbo::nn::DropConnect;
/// use elbo::prelude::*;
///
/// let layer = DropConnect::new(3, 2, 0.5);
/// let (tape, x) = (Tape::new(), Tensor::full([4, 3], 1.0));
/// assert_eq!(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [4, 2]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct DropConnect<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// W, of shape (outputs, inputs).
    #[prior(self.prior)]
    pub weight: Q,
    /// b, of shape (outputs).
    #[prior(self.prior)]
    pub bias: Q,
    /// The prior of both.
    pub prior: P,
    dropout: Dropout<Q::Scalar>,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> DropConnect<Q, P> {
    /// The layer's output.
    ///
    /// # Panics
    /// If the last axis of `x` is not the layer's inputs.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        let weight = *self.weight;
        match self.dropout.mask(weight.shape(), Rows::Weight) {
            Some(mask) => x.affine(weight * mask, self.bias),
            None => x.affine(weight, self.bias),
        }
    }
}

impl DropConnect {
    /// A layer in `f32` with prior N(0, 1), initialised by [`MeanField::new`], whose mask is on in training only.
    ///
    /// # Panics
    /// If `rate` is not in [0, 1).
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, rate: f64) -> Self {
        DropConnect::of(inputs, outputs, rate, MeanField::new, Normal(0.0, 1.0))
    }
}

initial_sd!(DropConnect: weight, bias);

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> DropConnect<Q, P> {
    /// A layer of any posterior family under any prior: `posterior` makes a random weight from its shape, first the
    /// weight of shape (outputs, inputs), then the bias of shape (outputs).
    ///
    /// # Panics
    /// If `rate` is not in [0, 1).
    #[track_caller]
    pub fn of(inputs: usize, outputs: usize, rate: f64, mut posterior: impl FnMut(Shape) -> Q, prior: P) -> Self {
        check_rate("DropConnect", rate);
        let (weight, bias) = (posterior([outputs, inputs].into()), posterior([outputs].into()));
        DropConnect { weight, bias, prior, dropout: Dropout::new(rate) }
    }

    /// Takes masks in predictions too, one for each draw.
    #[must_use]
    pub fn monte_carlo(self) -> Self {
        DropConnect { dropout: Dropout::monte_carlo(self.dropout.rate()), ..self }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar>>(self, prior: R) -> DropConnect<Q, R>
    where
        Q: Divergence<R>,
    {
        DropConnect { weight: self.weight, bias: self.bias, prior, dropout: self.dropout }
    }

    /// The probability that a weight is set to 0.
    pub fn rate(&self) -> f64 {
        self.dropout.rate()
    }
}
