//! The operations, a file each: forward and adjoint side by side.

mod activation;
mod affine;
mod along;
mod axes;
mod binary;
mod blocks;
mod broadcast;
mod broadcast_to;
mod concat;
mod cross_entropy;
mod flip;
mod gather;
mod index_select;
mod indices;
mod layout;
mod linear;
mod log_softmax;
mod matmul;
mod one_hot;
mod pad;
mod reduce;
mod scalar;
mod shape;
mod slice;
mod stretched;
mod triangle;
mod unary;

pub use activation::Activation;
pub use indices::Indices;
pub use linear::{Linear, Operand};
pub use pad::Padding;
