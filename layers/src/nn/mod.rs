//! Layers: dense, convolutional, recurrent, attention, embedding, normalisation, pooling, activations and containers, written with
//! `#[bayesian]` like a user's.

/// `initial_sd` of a layer whose fields are these random weights, optional biases or layers with `initial_sd`. `[D]` stands for
/// a constant number of axes.
macro_rules! initial_sd {
    ($name:ident $([$axes:ident])?: $($field:ident),+) => {
        impl<$(const $axes: usize,)? T: $crate::engine::Real, P: $crate::prior::PriorFor<T>>
            $name<$($axes,)? $crate::posterior::MeanField<T>, P>
        where
            $crate::posterior::MeanField<T>: $crate::divergence::Divergence<P, Scalar = T>,
        {
            /// Sets the initial standard deviation of every weight, in place of [`INITIAL_SD`](crate::INITIAL_SD). The means
            /// stay.
            ///
            /// # Panics
            /// If it is not positive and finite.
            #[track_caller]
            #[must_use]
            pub fn initial_sd(mut self, sd: f64) -> Self {
                #[allow(unused_imports, reason = "some layers have no optional bias")]
                use $crate::nn::bias::InitialSd as _;
                $(self.$field = self.$field.initial_sd(sd);)+
                self
            }
        }
    };
}

mod activations;
mod attention;
mod bare;
mod bias;
mod containers;
mod conv;
mod dense;
mod embedding;
mod factors;
mod fixed;
mod generative_last_layer;
mod last_layer;
mod norm;
mod pool;
mod projection;
mod recurrent;
mod reshape;
mod sngp;
mod stochastic;
mod with_constants;

pub use activations::{
    Elu, EluDraw, Gelu, GeluDraw, GeluTanh, GeluTanhDraw, LeakyRelu, LeakyReluDraw, LogSigmoid, LogSigmoidDraw,
    LogSoftmax, LogSoftmaxDraw, Relu, ReluDraw, Sigmoid, SigmoidDraw, Silu, SiluDraw, Softmax, SoftmaxDraw, Softplus,
    SoftplusDraw, Tanh, TanhDraw,
};
pub use attention::{
    AttentionSize, LearnedPositions, LearnedPositionsDraw, MultiHeadAttention, MultiHeadAttentionDraw,
    TransformerDecoderLayer, TransformerDecoderLayerDraw, TransformerEncoderLayer, TransformerEncoderLayerDraw, rotary,
};
pub use bare::{Bare, BareDraw};
pub use bias::{Bias, BiasDraw};
pub use containers::{Branches, Chain, Parallel, ParallelDraw, Residual, ResidualDraw, Sequential, SequentialDraw};
pub use conv::{
    Conv, Conv1d, Conv2d, Conv3d, ConvDraw, ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d,
    ConvTransposeDraw, PaddingMode, SeparableConv, SeparableConv1d, SeparableConv2d, SeparableConv3d,
    SeparableConvDraw,
};
pub use dense::{Dense, DenseDraw};
pub use embedding::{Embedding, EmbeddingDraw};
pub use factors::{
    BatchEnsemble, BatchEnsembleDraw, EnsembleMember, EnsembleMemberDraw, Rank1Conv, Rank1Conv1d, Rank1Conv2d,
    Rank1Conv3d, Rank1ConvDraw, Rank1Dense, Rank1DenseDraw,
};
pub use fixed::{Fixed, FixedDraw};
pub use generative_last_layer::{FeatureNoise, FeatureNoiseDraw, GenerativeLastLayer, GenerativeLastLayerDraw};
pub use last_layer::{LastLayer, LastLayerDraw, OutputWeights, OutputWeightsDraw};
pub use norm::{
    Affine, BatchNorm, BatchNormDraw, FilterResponseNorm, FilterResponseNormDraw, GroupNorm, GroupNormDraw,
    InstanceNorm, InstanceNormDraw, LayerNorm, LayerNormDraw, RmsNorm, RmsNormDraw,
};
pub use pool::{
    AdaptiveAvgPool, AdaptiveAvgPoolDraw, AvgPool, AvgPool1d, AvgPool2d, AvgPool3d, AvgPoolDraw, GlobalAvgPool,
    GlobalAvgPoolDraw, GlobalMaxPool, GlobalMaxPoolDraw, MaxPool, MaxPool1d, MaxPool2d, MaxPool3d, MaxPoolDraw,
    Upsample, Upsample1d, Upsample2d, Upsample3d, UpsampleDraw,
};
pub use projection::{Projection, ProjectionDraw};
pub use recurrent::{
    Bidirectional, BidirectionalDraw, Cell, Gru, GruCell, GruDraw, Lstm, LstmCell, LstmDraw, RecurrentAt,
    RecurrentDraw, RecurrentLayer, RecurrentNet, RecurrentNetDraw, RecurrentState, Rnn, RnnCell, RnnDraw,
    SequenceLayer, Stacked, StackedDraw,
};
pub use reshape::{Flatten, FlattenDraw, Identity, IdentityDraw, Reshape, ReshapeDraw};
pub use sngp::{RandomFeatureGp, RandomFeatureGpDraw, SpectralNorm, SpectralNormDraw};
pub use stochastic::{
    DropConnect, DropConnectDraw, Dropout, DropoutDraw, GaussianDropout, GaussianDropoutDraw, Noise, NoiseDraw,
    StochasticDepth, StochasticDepthDraw, VariationalDropout, VariationalDropoutDraw,
};
pub use with_constants::{WithConstants, WithConstantsDraw, WithRandomConstants, WithRandomConstantsDraw};

/// The index of `axis` of `x`, negative: from the last.
///
/// # Panics
/// If `x` does not have it, or it is the axis of the examples.
#[track_caller]
fn axis_of_example(layer: &str, axis: isize, x: &[usize]) -> usize {
    let index = if axis < 0 { axis + x.len() as isize } else { axis };
    assert!(
        0 < index && index < x.len() as isize,
        "{layer}: axis {axis} of x of shape {x:?} {}; expected another axis of x than the first, that of the examples",
        if index == 0 { "would couple the examples of a batch" } else { "does not exist" }
    );
    index as usize
}
