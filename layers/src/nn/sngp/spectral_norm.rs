//! `SpectralNorm`: a dense layer whose weight has a bounded spectral norm.

use super::largest_singular::largest_singular;
use crate::divergence::Divergence;
use crate::engine::{Real, Shape, Var};
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A dense layer whose weight has a spectral norm of at most c (Miyato et al. 2018; as a soft bound in SNGP: Liu et al. 2020,
/// "Simple and Principled Uncertainty Estimation"): x · (W min(1, c/σ))ᵀ + b, (.., inputs) to (.., outputs), with σ the largest
/// singular value of W. Outputs of two inputs are at most c times as far apart as the inputs. A residual block x + f(x) around
/// such layers with c < 1 then keeps the distances between inputs up to a factor, so that a Gaussian process on its outputs,
/// such as [`RandomFeatureGp`](super::RandomFeatureGp), sees which inputs are far from the data.
///
/// σ is computed from the W of each draw, so every draw is bounded: before training, in a step with several draws, in
/// predictions and at the mean. There is no state from earlier steps. It is found by Lanczos bidiagonalisation from a fixed
/// random start, up to a residual that is added to it; only a W whose leading singular vector is orthogonal to that start, which
/// has probability 0, would escape the bound. The gradient of σ is u vᵀ, with its singular vectors as constants. The
/// posterior, the prior and the KL divergence are those of W and b before the bound.
///
/// W is sampled under every estimator, because σ depends on its elements.
///
/// ```
/// use elbo::nn::SpectralNorm;
/// use elbo::prelude::*;
///
/// let layer = SpectralNorm::new(3, 2, 0.95);
/// let (tape, x) = (Tape::new(), Tensor::full([8, 3], 1.0));
/// let draw = layer.draw(&tape, Key::new(1));
/// assert_eq!(draw.forward(tape.input(&x)).shape(), [8, 2]);
/// assert!(draw.bounded().norm().item() <= 0.95 * 2f64.sqrt()); // its Frobenius norm
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct SpectralNorm<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// W, of shape (outputs, inputs), before the bound.
    #[prior(self.prior)]
    pub weight: Q,
    /// b, of shape (outputs).
    #[prior(self.prior)]
    pub bias: Q,
    /// The prior of both.
    pub prior: P,
    #[skip]
    bound: f64,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> SpectralNorm<Q, P> {
    /// The layer's output.
    ///
    /// # Panics
    /// If the last axis of `x` is not the layer's inputs.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        x.affine(self.bounded(), self.bias)
    }

    /// The weight with the bound, W min(1, c/σ).
    #[track_caller]
    pub fn bounded(&self) -> Var<Q::Scalar> {
        let weight = *self.weight;
        let limit = weight.tape().constant([], |_| Q::Scalar::from_f64(*self.bound));
        weight * (limit / largest_singular(weight).clamp(*self.bound, f64::INFINITY))
    }
}

impl SpectralNorm {
    /// A layer in `f32` with prior N(0, 1), initialised by [`MeanField::new`], with this bound.
    ///
    /// # Panics
    /// If `bound` is not positive and finite.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, bound: f64) -> Self {
        SpectralNorm::of(inputs, outputs, bound, MeanField::new, Normal(0.0, 1.0))
    }
}

initial_sd!(SpectralNorm: weight, bias);

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> SpectralNorm<Q, P> {
    /// A layer of any posterior family under any prior: `posterior` makes a random weight from its shape, first the
    /// weight of shape (outputs, inputs), then the bias of shape (outputs).
    ///
    /// # Panics
    /// If `bound` is not positive and finite.
    #[track_caller]
    pub fn of(inputs: usize, outputs: usize, bound: f64, mut posterior: impl FnMut(Shape) -> Q, prior: P) -> Self {
        assert!(bound > 0.0 && bound.is_finite(), "SpectralNorm: the bound must be positive and finite, got {bound}");
        let (weight, bias) = (posterior([outputs, inputs].into()), posterior([outputs].into()));
        SpectralNorm { weight, bias, prior, bound }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar>>(self, prior: R) -> SpectralNorm<Q, R>
    where
        Q: Divergence<R>,
    {
        SpectralNorm { weight: self.weight, bias: self.bias, prior, bound: self.bound }
    }

    /// c, the largest spectral norm of the weight.
    pub fn bound(&self) -> f64 {
        self.bound
    }
}
