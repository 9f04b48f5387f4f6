//! Layers, written with `#[bayesian]` as a user would write them.

mod bias;
mod conv;
mod dense;

pub use bias::{Bias, BiasDraw};
pub use conv::{Conv, Conv1d, Conv2d, Conv3d, ConvDraw};
pub use dense::{Dense, DenseDraw};
