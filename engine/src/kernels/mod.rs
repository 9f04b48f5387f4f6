//! Inner loops: the arithmetic of the operations, written once and compiled for every vector unit.

pub(crate) mod dispatch;
pub(crate) mod gemm;
pub(crate) mod map;
pub(crate) mod math;
pub(crate) mod reduce;

pub use map::Write;
