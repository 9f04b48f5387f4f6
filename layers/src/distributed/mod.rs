//! Processes that work together: sums over the shards of a batch in a fixed tree, by one process or by several, and messages by MPI.

mod exchange;
#[cfg(feature = "mpi")]
mod ranks;
mod sum_tree;
#[cfg(test)]
pub(crate) mod threads;
#[cfg(feature = "mpi")]
mod traffic;

pub(crate) use exchange::{Alone, Exchange};
#[cfg(feature = "mpi")]
pub use ranks::{Ranks, RanksError};
pub(crate) use sum_tree::{SumTree, Summand, part};
#[cfg(feature = "mpi")]
pub use traffic::Traffic;
