//! The operations, a file each: forward and adjoint side by side.

mod activation;
mod adaptive_mean_pool;
mod affine;
mod axes;
mod binary;
mod broadcast;
mod compare;
mod convolution;
mod convolve;
mod convolve_transposed;
mod cross_entropy;
mod cumulative;
mod extremes;
mod layout;
mod linear;
mod log_softmax;
mod log_sum_exp;
mod matmul;
mod max_pool;
mod mean_pool;
mod moments;
mod parametric;
mod pooling;
mod product;
mod reduce;
mod runs;
mod scalar;
mod select;
mod shape;
mod stretched;
mod unary;

pub use activation::Activation;
pub use compare::Comparand;
pub use convolution::{Convolution, Transposed};
pub use linear::{Linear, Operand};
pub use pooling::Pooling;
