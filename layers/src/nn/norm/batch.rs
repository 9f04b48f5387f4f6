//! Batch normalisation with running statistics.

use crate::engine::{Real, Running, Shape, Tensor, Var};
use crate::model::Buffer;
use crate::nn::Bare;
use crate::nn::norm::EPS;
use crate::nn::norm::affine::learned;
use crate::posterior::Point;
use crate::properties::No;
use elbo_macros::bayesian;

/// Marks a model as coupling the examples of a batch, because of this layer.
type Coupled<T> = Bare<T, No<BatchNorm<T>>>;

/// Batch normalisation of (examples, channels, ..): each channel is normalised to mean 0 and variance 1 over the batch,
/// then scaled and shifted (Ioffe and Szegedy 2015, "Batch Normalization"). Scale and shift are learned and
/// deterministic.
///
/// On a recording tape (training) it uses the batch's statistics and updates running statistics in buffers, with the
/// optimiser's step. On an inference tape (prediction, [`Tape::inference`](crate::Tape::inference)), and always once it
/// is [frozen](Self::frozen), it uses the running statistics.
///
/// In training each example's output depends on the others of its batch, so the likelihood does not factorise over
/// examples and the loss is not a bound of any model. Functions that need independent examples
/// ([`Independent`](crate::Independent)) do not accept a model with this layer. [`GroupNorm`](super::GroupNorm) keeps
/// examples independent.
#[bayesian]
#[derive(Clone, Debug)]
pub struct BatchNorm<T: Real = f32> {
    /// The scale of each channel, initially 1.
    pub weight: Point<T>,
    /// The shift of each channel, initially 0.
    pub bias: Point<T>,
    /// The running mean of each channel, initially 0.
    pub mean: Buffer<T>,
    /// The running variance of each channel, initially 1.
    pub variance: Buffer<T>,
    /// Whether the running statistics are used in training too.
    #[skip]
    pub is_frozen: bool,
    /// The weight of the newest batch in the running statistics.
    #[skip]
    pub momentum: f64,
    /// The constant added to the variance.
    #[skip]
    pub eps: f64,
    coupled: Coupled<T>,
}

impl<T: Real> BatchNorm<T> {
    /// A layer for `channels` channels, with momentum 0.1 and eps 1e-5.
    pub fn new(channels: usize) -> Self {
        let shape = Shape::from([channels]);
        BatchNorm {
            weight: learned(&shape, 1.0),
            bias: learned(&shape, 0.0),
            mean: Buffer(Tensor::zeros([channels])),
            variance: Buffer(Tensor::full([channels], 1.0)),
            is_frozen: false,
            momentum: 0.1,
            eps: EPS,
            coupled: Bare::new(),
        }
    }

    /// Freezes the running statistics: they are used from now on, and not updated.
    pub fn frozen(self) -> Self {
        BatchNorm { is_frozen: true, ..self }
    }
}

#[bayesian]
impl<T: Real> BatchNorm<T> {
    /// The layer's output, of the shape of `x`.
    ///
    /// # Panics
    /// If the second axis of `x` is not the layer's channels; in training, if a channel has fewer than two elements, or
    /// with several draws at once, since there is one set of running statistics.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        let scaling = (self.weight, self.bias);
        if *self.is_frozen || !x.tape().is_recording() {
            return x.batch_norm_with(scaling, self.mean.var(), self.variance.var(), *self.eps);
        }
        assert!(
            x.draws() == 1,
            "BatchNorm: {} draws at once in training, but there is only one running mean; use one draw per step, or \
             freeze the layer",
            x.draws()
        );
        let (mean, variance) = (self.mean.tensor(), self.variance.tensor());
        x.batch_norm(scaling, Some(Running { mean, variance, momentum: *self.momentum }), *self.eps)
    }
}
