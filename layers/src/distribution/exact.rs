//! Sums in double precision, whatever the parameters are held in.

use crate::engine::threads::sum_blocks;

/// Terms that are added one after the other; sums of such blocks are added in a tree.
const BLOCK: usize = 4096;

/// Terms up to which a sum stays on one thread.
const PARALLEL: usize = 4 * BLOCK;

/// Σ term(i) over `0..len`: the same bits for any number of threads.
pub(crate) fn sum(len: usize, term: impl Fn(usize) -> f64 + Sync) -> f64 {
    sum_blocks(len.div_ceil(BLOCK), len > PARALLEL, &|block| {
        (block * BLOCK..len.min((block + 1) * BLOCK)).map(&term).sum()
    })
}
