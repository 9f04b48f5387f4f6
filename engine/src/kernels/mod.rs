//! Inner loops: the arithmetic of the operations, written once and compiled for every vector unit.
//!
//! What is public here is for operations of other crates. It is checked once a call, at its entry: a safe function never
//! touches memory other than its arguments', whatever sizes it is given.

#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod cholesky;
pub mod conv;
pub mod dispatch;
pub(crate) mod eigen;
pub mod gemm;
pub(crate) mod lu;
pub mod map;
pub mod math;
pub(crate) mod normalize;
pub(crate) mod recurrent_cells;
pub mod reduce;
pub(crate) mod special;
pub(crate) mod triangular_solve;
pub mod window;

pub use map::Write;
