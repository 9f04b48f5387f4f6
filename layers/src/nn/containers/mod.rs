//! Containers: layers of layers.

mod chain;
mod parallel;
mod residual;
mod sequential;

pub use chain::Chain;
pub use parallel::{Branches, Parallel, ParallelDraw};
pub use residual::{Residual, ResidualDraw};
pub use sequential::{Sequential, SequentialDraw};
