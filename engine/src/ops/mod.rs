//! The operations, a file each: forward and adjoint side by side.

mod activation;
mod affine;
mod axes;
mod binary;
mod broadcast;
mod compare;
mod cross_entropy;
mod cumulative;
mod extremes;
mod layout;
mod linear;
mod log_softmax;
mod log_sum_exp;
mod matmul;
mod moments;
mod parametric;
mod power;
mod product;
mod reduce;
mod runs;
mod scalar;
mod select;
mod shape;
mod special;
mod stretched;
mod unary;

pub use activation::Activation;
pub use compare::Comparand;
pub use linear::{Linear, Operand};
