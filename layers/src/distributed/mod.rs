//! Sums over the shards of a batch in a fixed tree, by one process or by several.

mod exchange;
mod sum_tree;
#[cfg(test)]
pub(crate) mod threads;

pub(crate) use exchange::{Alone, Exchange};
pub(crate) use sum_tree::{SumTree, Summand, part};
