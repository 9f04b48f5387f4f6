//! Inner loops: the arithmetic of the operations, written once and compiled for every vector unit.

pub mod cholesky;
pub mod dispatch;
pub mod gemm;
pub mod lu;
pub mod map;
pub mod math;
pub mod reduce;
pub mod triangular;

pub use map::Write;
