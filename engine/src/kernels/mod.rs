//! The kernels: the inner loops of the operations, written once and compiled for every SIMD level.
//!
//! The public ones are for operations of other crates. Arguments are checked once per call, on entry: a safe function
//! only accesses the memory of its arguments, whatever sizes it is given.

#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod chain;
pub mod cholesky;
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
pub mod triangular_solve;
pub mod tridiagonal_eigen;
pub mod window;

pub use map::Write;
