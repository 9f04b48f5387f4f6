//! Inner loops: the arithmetic of the operations, written once and compiled for every vector unit.

#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod cells;
pub mod cholesky;
pub mod convolve;
pub mod direct;
pub mod dispatch;
pub mod eigen;
pub mod gemm;
pub mod lu;
pub mod map;
pub mod math;
pub(crate) mod normalize;
pub mod reduce;
pub mod special;
pub mod triangular;
pub mod window;
pub mod winograd;

pub use map::Write;
