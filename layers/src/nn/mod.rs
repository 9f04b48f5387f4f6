//! Layers: dense, convolutional, recurrent, attention, embedding, normalisation and pooling, written with `#[bayesian]` like a
//! user's.

mod attention;
mod bare;
mod batch_norm;
mod bias;
mod bidirectional;
mod conv;
mod dense;
mod dropout;
mod embedding;
mod generative_last_layer;
mod last_layer;
mod norm;
mod pool;
mod recurrent;
mod with_constants;

pub use attention::{
    AttentionSize, LearnedPositions, LearnedPositionsDraw, MultiHeadAttention, MultiHeadAttentionDraw, Projection,
    ProjectionDraw, TransformerDecoderLayer, TransformerDecoderLayerDraw, TransformerEncoderLayer,
    TransformerEncoderLayerDraw, rotary,
};
pub use bare::{Bare, BareDraw};
pub use batch_norm::{BatchNorm, BatchNormDraw};
pub use bias::{Bias, BiasDraw};
pub use bidirectional::{Bidirectional, BidirectionalDraw, RecurrentAt, RecurrentDraw, RecurrentLayer, RecurrentState};
pub use conv::{Conv, Conv1d, Conv2d, Conv3d, ConvDraw};
pub use dense::{Dense, DenseDraw};
pub use dropout::{Dropout, DropoutDraw, Noise, NoiseDraw};
pub use embedding::{Embedding, EmbeddingDraw};
pub use generative_last_layer::{FeatureNoise, FeatureNoiseDraw, GenerativeLastLayer, GenerativeLastLayerDraw};
pub use last_layer::{LastLayer, LastLayerDraw, OutputWeights, OutputWeightsDraw};
pub use norm::{GroupNorm, GroupNormDraw, LayerNorm, LayerNormDraw};
pub use pool::{
    AvgPool, AvgPool1d, AvgPool2d, AvgPool3d, AvgPoolDraw, MaxPool, MaxPool1d, MaxPool2d, MaxPool3d, MaxPoolDraw,
};
pub use recurrent::{Gru, GruDraw, Lstm, LstmDraw, Rnn, RnnDraw};
pub use with_constants::{WithConstants, WithConstantsDraw, WithRandomConstants, WithRandomConstantsDraw};

/// The default of the constant that normalisations add to a variance.
const EPS: f64 = 1e-5;
