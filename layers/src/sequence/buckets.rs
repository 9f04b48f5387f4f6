//! Batches of similar lengths, to compute little padding.

use crate::data::shuffle;
use crate::engine::{Key, Real, Tensor};
use crate::sequence::lengths;

/// Batches of `batch_size` rows of similar lengths, in random order: every row is in one batch, and the last batch made, of
/// the longest rows, holds the remaining rows. The batches depend only on the lengths, the size and the key: use a key of
/// another [`step`](Key::step) for each epoch.
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::sequence::{self, bucketed};
///
/// # let rows: Vec<Tensor> = (0..10).map(|row| Tensor::full([1 + row % 7, 2], 0.5)).collect();
/// # let labels: Vec<usize> = (0..10).map(|row| row % 2).collect();
/// let packed = sequence::pack(&rows)?;
/// for rows in bucketed(&sequence::lengths(&packed), 4, Key::new(1).step(0)) {
///     let x = sequence::batch(&packed, &rows);
///     let y: Vec<usize> = rows.iter().map(|&row| labels[row]).collect();
///     assert_eq!(x.shape()[0], y.len());
/// }
/// # Ok::<(), elbo::sequence::SequenceError>(())
/// ```
///
/// # Panics
/// If `batch_size` is 0.
#[track_caller]
pub fn bucketed(lengths: &[usize], batch_size: usize, key: Key) -> Vec<Vec<usize>> {
    assert!(batch_size > 0, "bucketed: a batch must have at least one row, got 0");
    let mut rows: Vec<usize> = (0..lengths.len()).collect();
    // Rows of equal length stay in this random order.
    shuffle(&mut rows, key.at("rows"));
    rows.sort_by_key(|&row| lengths[row]);
    let batches: Vec<&[usize]> = rows.chunks(batch_size).collect();
    let mut order: Vec<usize> = (0..batches.len()).collect();
    shuffle(&mut order, key.at("batches"));
    order.into_iter().map(|batch| batches[batch].to_vec()).collect()
}

/// These rows of packed sequences, up to the end of the longest of them.
///
/// # Panics
/// If a row is out of range, or the tensor is not packed sequences.
#[track_caller]
pub fn batch<T: Real>(packed: &Tensor<T>, rows: &[usize]) -> Tensor<T> {
    let lengths = lengths(packed);
    let &[examples, steps, width] = packed.shape() else { unreachable!("checked by `lengths`") };
    if let Some(row) = rows.iter().find(|&&row| row >= examples) {
        panic!("batch: row {row} is out of range for {examples} packed sequences");
    }
    let longest = rows.iter().map(|&row| lengths[row]).max().unwrap_or(0);
    let mut batch = Tensor::zeros([rows.len(), longest, width]);
    for (target, &row) in batch.data_mut().chunks_exact_mut((longest * width).max(1)).zip(rows) {
        target.copy_from_slice(&packed.data()[row * steps * width..][..longest * width]);
    }
    batch
}
