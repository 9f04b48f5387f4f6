//! Normalisation over a batch.

use crate::engine::{Real, Running, Tensor, Var};
use crate::model::Buffer;
use crate::nn::norm::affine;
use crate::nn::{Bare, EPS};
use crate::posterior::Point;
use crate::properties::No;
use elbo_macros::bayesian;

/// That examples of a batch influence each other, and that it is this layer's doing.
type Coupled<T> = Bare<T, No<BatchNorm<T>>>;

/// Batch normalisation of (examples, channels, ..): every channel with mean 0 and variance 1 over the batch, and then a
/// scale and a shift (Ioffe and Szegedy 2015, "Batch Normalization"). Scale and shift are learned and certain.
///
/// On a tape that records, which is training, the batch's own statistics are used, and running ones are kept in buffers,
/// which the optimiser's step brings up to date. On one that does not, which is prediction
/// ([`Tape::inference`](crate::Tape::inference)), and always once it is [frozen](Self::frozen), the running ones are used.
///
/// In training each example's output depends on the others of its batch. So a likelihood is no product over examples any
/// more, and the bound is that of no model: what asks for independent examples
/// ([`Independent`](crate::Independent)) refuses a model with this layer in it. [`GroupNorm`](super::GroupNorm) has none of
/// this.
#[bayesian]
#[derive(Clone, Debug)]
pub struct BatchNorm<T: Real = f32> {
    /// The scale of every channel, at first 1.
    pub weight: Point<T>,
    /// The shift of every channel, at first 0.
    pub bias: Point<T>,
    /// The running mean of every channel, at first 0.
    pub mean: Buffer<T>,
    /// The running variance of every channel, at first 1.
    pub variance: Buffer<T>,
    /// Whether the running statistics are used while training too.
    #[skip]
    pub is_frozen: bool,
    /// The share of the newest batch in the running statistics.
    #[skip]
    pub momentum: f64,
    /// What is added to a variance.
    #[skip]
    pub eps: f64,
    coupled: Coupled<T>,
}

impl<T: Real> BatchNorm<T> {
    /// For so many channels, with a momentum of 0.1, and 1e-5 added to each variance.
    pub fn new(channels: usize) -> Self {
        let [weight, bias] = affine([channels].into());
        BatchNorm {
            weight,
            bias,
            mean: Buffer(Tensor::zeros([channels])),
            variance: Buffer(Tensor::full([channels], 1.0)),
            is_frozen: false,
            momentum: 0.1,
            eps: EPS,
            coupled: Bare::new(),
        }
    }

    /// With the running statistics from now on, and without changing them.
    pub fn frozen(self) -> Self {
        BatchNorm { is_frozen: true, ..self }
    }
}

#[bayesian]
impl<T: Real> BatchNorm<T> {
    /// The layer's output, of the shape of `x`.
    ///
    /// # Panics
    /// If the second axis of `x` is not the layer's channels or, in training, a channel has fewer than two elements, or the
    /// values of several draws at once are to be normalised, whose running statistics would be several too.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        let scaling = (self.weight, self.bias);
        if *self.is_frozen || !x.tape().is_recording() {
            return x.batch_norm_with(scaling, self.mean.var(), self.variance.var(), *self.eps);
        }
        assert!(
            x.draws() == 1,
            "BatchNorm: {} draws at once in training, and there is one running mean; draw once a step, or freeze the layer",
            x.draws()
        );
        let (mean, variance) = (self.mean.tensor(), self.variance.tensor());
        x.batch_norm(scaling, Some(Running { mean, variance, momentum: *self.momentum }), *self.eps)
    }
}
