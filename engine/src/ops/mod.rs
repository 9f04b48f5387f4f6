//! The operations, a file each: forward and adjoint side by side.

mod affine;
mod axes;
mod binary;
mod broadcast;
mod linear;
mod matmul;
mod reduce;
mod shape;
mod softmax;
mod unary;

pub use affine::Activation;
pub use linear::{Linear, Operand};
