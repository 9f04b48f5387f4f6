//! Instance normalisation.

use crate::engine::{Real, Shape, Var};
use crate::nn::Affine;
use crate::nn::norm::affine::{Parts, affine, learned};
use crate::nn::norm::{EPS, check_space};
use crate::posterior::Point;
use elbo_macros::bayesian;

/// Instance normalisation of (examples, channels, space ..): each channel of an example is normalised over its space to
/// mean 0 and variance 1, then scaled and shifted (Ulyanov, Vedaldi and Lempitsky 2016, "Instance Normalization").
/// Examples stay independent, and predictions normalise as training does.
///
/// Scale and shift are learned and deterministic, unless [`bayesian`](Self::bayesian) or
/// [`without_affine`](Self::without_affine), PyTorch's default, says otherwise.
///
/// ```
/// use elbo::nn::InstanceNorm;
/// use elbo::prelude::*;
///
/// let norm: InstanceNorm = InstanceNorm::new(3);
/// let (tape, x) = (Tape::new(), Tensor::from_fn([4, 3, 5, 5], |i| (i as f64).sin()));
/// assert_eq!(norm.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [4, 3, 5, 5]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct InstanceNorm<T: Real = f32, A: Affine<Scalar = T> = Point<T>> {
    /// The scale of each channel, initially 1.
    pub weight: A,
    /// The shift of each channel, initially 0.
    pub bias: A,
    /// The constant added to the variance.
    #[skip]
    pub eps: f64,
    /// The shape of scale and shift: (channels).
    #[skip]
    shape: Shape,
}

impl<T: Real> InstanceNorm<T> {
    /// A layer for `channels` channels, with eps 1e-5.
    pub fn new(channels: usize) -> Self {
        let shape = Shape::from([channels]);
        InstanceNorm { weight: learned(&shape, 1.0), bias: learned(&shape, 0.0), eps: EPS, shape }
    }
}

affine!(InstanceNorm { weight: 1.0, bias: 0.0 } eps, shape);

#[bayesian]
impl<T: Real, A: Affine<Scalar = T>> InstanceNorm<T, A> {
    /// The layer's output, of the shape of `x`.
    ///
    /// # Panics
    /// If the second axis of `x` is not the layer's channels, or a channel has only one element.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        check_space("InstanceNorm", x.shape(), self.shape[0]);
        x.instance_norm(Parts([A::value(self.weight), A::value(self.bias)]), *self.eps)
    }
}
