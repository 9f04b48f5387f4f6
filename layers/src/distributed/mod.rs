//! Processes that work together: sums over the shards of a batch in a fixed tree, by one process or by several, and messages by MPI.

mod exchange;
mod gather;
#[cfg(feature = "mpi")]
mod ranks;
mod sum_tree;
#[cfg(feature = "mpi")]
mod tasks;
#[cfg(test)]
pub(crate) mod threads;
#[cfg(feature = "mpi")]
mod traffic;

pub(crate) use exchange::{Alone, Exchange};
#[cfg(any(feature = "mcmc", feature = "mpi"))]
pub(crate) use gather::own_tasks;
pub(crate) use gather::{gather, share};
#[cfg(feature = "mpi")]
pub use ranks::{Ranks, RanksError};
pub(crate) use sum_tree::{SumTree, Summand, part};
#[cfg(feature = "mpi")]
pub use tasks::Portable;
#[cfg(feature = "mpi")]
pub use traffic::Traffic;
