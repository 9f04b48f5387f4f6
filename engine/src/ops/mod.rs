//! The operations, a file each: forward and adjoint side by side.

mod activation;
mod adaptive_mean_pool;
mod affine;
mod attention;
mod axes;
mod batch_norm;
mod binary;
mod broadcast;
mod convolution;
mod convolve;
mod convolve_transposed;
mod cross_entropy;
mod layout;
mod linear;
mod log_softmax;
mod matmul;
mod max_pool;
mod mean_pool;
mod pooling;
mod reduce;
mod row_norm;
mod scalar;
mod scaling;
mod shape;
mod stretched;
mod unary;

pub use activation::Activation;
pub use attention::Attention;
pub use batch_norm::Running;
pub use convolution::{Convolution, Transposed};
pub use linear::{Linear, Operand};
pub use pooling::Pooling;
pub use scaling::Scaling;
