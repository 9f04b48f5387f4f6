//! What closed forms are made of: on the tape, and in double precision, whatever the parameters are held in.

use crate::engine::threads::sum_blocks;
use crate::engine::{Real, Tensor, Var};
use crate::prior::Normal;

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

/// Σ ((μ − m)/s)².
pub(crate) fn away<T: Real>(mean: &Tensor<T>, prior: Normal) -> f64 {
    sum(mean.len(), |i| ((mean.data()[i].to_f64() - prior.mean()) / prior.sd()).powi(2))
}

/// The same on the tape.
pub(crate) fn away_on<T: Real>(mean: Var<'_, T>, prior: Normal) -> Var<'_, T> {
    // The difference first: μ/s − m/s would lose digits where both are large.
    ((mean - prior.mean()) * prior.inverse_sd::<T>()).square().sum()
}
