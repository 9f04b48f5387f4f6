//! Inner loops: the arithmetic of the operations, written once and compiled for every vector unit.

pub mod dispatch;
pub mod gemm;
pub mod map;
pub mod math;
pub mod reduce;
pub mod special;

pub use map::Write;
