//! Attention layers: multi-head attention, positions, and the blocks of a transformer.

mod block;
mod decoder;
mod encoder;
mod multi_head;
mod padding;
mod positions;
mod rotary;
mod size;

pub use decoder::{TransformerDecoderLayer, TransformerDecoderLayerDraw};
pub use encoder::{TransformerEncoderLayer, TransformerEncoderLayerDraw};
pub use multi_head::{MultiHeadAttention, MultiHeadAttentionDraw};
pub use positions::{LearnedPositions, LearnedPositionsDraw};
pub use rotary::rotary;
pub use size::AttentionSize;
