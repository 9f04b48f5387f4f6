//! Convolutions over one, two and three spatial axes.

mod convolution;

pub use convolution::{Conv, Conv1d, Conv2d, Conv3d, ConvDraw};
