//! Layers, written with `#[bayesian]` as a user would write them.

mod bias;
mod conv;
mod dense;
mod embedding;
mod gru;
mod lstm;
mod rnn;
mod state;

pub use bias::{Bias, BiasDraw};
pub use conv::{Conv, Conv1d, Conv2d, Conv3d, ConvDraw};
pub use dense::{Dense, DenseDraw};
pub use embedding::{Embedding, EmbeddingDraw};
pub use gru::{Gru, GruDraw};
pub use lstm::{Lstm, LstmDraw};
pub use rnn::{Rnn, RnnDraw};
