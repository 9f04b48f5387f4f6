//! Filter response normalisation.

use crate::engine::{Real, Shape, Var};
use crate::nn::Affine;
use crate::nn::norm::affine::{affine, learned};
use crate::nn::norm::check_space;
use crate::posterior::Point;
use elbo_macros::bayesian;

/// Filter response normalisation of (examples, channels, space ..) with its thresholded linear unit: each channel x of an
/// example becomes max(γ x / √(ν² + eps) + β, τ), where ν² is the mean of x² over its space (Singh and Krishnan 2020, "Filter
/// Response Normalization Layer", eq. 1 to 4). It is both a normalisation and an activation. Examples stay independent.
///
/// γ, β and τ are learned and deterministic, unless [`bayesian`](Self::bayesian) says otherwise. Without them
/// ([`without_affine`](Self::without_affine)) the output is x / √(ν² + eps), and there is no threshold.
///
/// ```
/// use elbo::nn::{Conv2d, FilterResponseNorm};
/// use elbo::prelude::*;
///
/// let block = elbo::nn::Sequential((Conv2d::new(1, 6, [3, 3]), FilterResponseNorm::new(6)));
/// let (tape, x) = (Tape::new(), Tensor::from_fn([2, 1, 8, 8], |i| (i as f64).sin()));
/// let y = Forward::forward(&block.draw(&tape, Key::new(1)), tape.input(&x));
/// assert!(y.value().iter().all(|&y| y >= 0.0));
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct FilterResponseNorm<T: Real = f32, A: Affine<Scalar = T> = Point<T>> {
    /// γ, the scale of each channel, initially 1.
    pub weight: A,
    /// β, the shift of each channel, initially 0.
    pub bias: A,
    /// τ, the least output of each channel, initially 0.
    pub threshold: A,
    /// The constant added to ν².
    #[skip]
    pub eps: f64,
    /// The shape of γ, β and τ: (channels).
    #[skip]
    shape: Shape,
}

impl<T: Real> FilterResponseNorm<T> {
    /// A layer for `channels` channels, with eps 1e-6.
    pub fn new(channels: usize) -> Self {
        let shape = Shape::from([channels]);
        let [weight, bias, threshold] = [1.0, 0.0, 0.0].map(|start| learned(&shape, start));
        FilterResponseNorm { weight, bias, threshold, eps: 1e-6, shape }
    }
}

affine!(FilterResponseNorm { weight: 1.0, bias: 0.0, threshold: 0.0 } eps, shape);

#[bayesian]
impl<T: Real, A: Affine<Scalar = T>> FilterResponseNorm<T, A> {
    /// The layer's output, of the shape of `x`.
    ///
    /// # Panics
    /// If the second axis of `x` is not the layer's channels, or a channel has only one element, of which only the sign would
    /// remain.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        let shape = x.shape();
        check_space("FilterResponseNorm", shape, self.shape[0]);
        let [examples, channels, space] = [shape[0], shape[1], shape[2..].iter().product()];
        let mut y = x.reshape([examples, channels, space]).rms_norm(1, (), *self.eps);
        if let Some(scale) = A::value(self.weight) {
            y = y * scale.reshape([channels, 1]);
        }
        if let Some(shift) = A::value(self.bias) {
            y = y + shift.reshape([channels, 1]);
        }
        if let Some(threshold) = A::value(self.threshold) {
            y = y.maximum(threshold.reshape([channels, 1]));
        }
        y.reshape(shape)
    }
}
