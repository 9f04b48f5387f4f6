//! Inner loops: the arithmetic of the operations, written once and compiled for every vector unit.

pub mod convolve;
pub mod dispatch;
pub mod gemm;
pub mod map;
pub mod math;
pub mod reduce;
pub mod window;

pub use map::Write;
