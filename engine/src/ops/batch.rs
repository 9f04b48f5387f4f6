//! Batches of matrices: the last two axes are a matrix, the leading ones index the batch.

use std::ops::Range;

use crate::Shape;
use crate::ops::broadcast::broadcast;

/// Broadcasts two batches. Calls `visit` for each output matrix with its index, the index of each operand's matrix, and
/// whether that matrix occurs for the first time.
pub(crate) fn for_each_pair(
    batch: &[usize],
    operands: [&[usize]; 2],
    visit: &mut impl FnMut(usize, [usize; 2], [bool; 2]),
) {
    let layout = broadcast(batch, operands);
    for row in layout.all() {
        for i in 0..layout.row {
            let at = |k: usize| row.offsets[k] + i * layout.strides[k];
            let first = |k: usize| row.first[k] && (layout.strides[k] != 0 || i == 0);
            visit(row.start + i, [at(0), at(1)], [first(0), first(1)]);
        }
    }
}

/// The number of rows of square matrices (.., n, n).
///
/// # Panics
/// If they are not square.
#[track_caller]
pub(crate) fn square(name: &str, shape: &[usize]) -> usize {
    match shape {
        [.., rows, columns] if rows == columns => *rows,
        _ => panic!("{name}: a value of shape {shape:?}; expected square matrices (.., n, n)"),
    }
}

/// The range of elements of each square matrix in an array of this shape.
pub(crate) fn squares(shape: &[usize]) -> impl Iterator<Item = Range<usize>> {
    let [batch @ .., n, _] = shape else {
        unreachable!("checked when it was recorded");
    };
    let (count, len) = (batch.iter().product::<usize>(), n * n);
    (0..count).map(move |i| i * len..(i + 1) * len)
}

/// How a message names matrix `index` of a batch of this shape.
pub(crate) fn which(batch: &[usize], mut index: usize) -> String {
    if batch.is_empty() {
        return "the matrix".to_owned();
    }
    let mut place = Shape::from(batch);
    for axis in place.iter_mut().rev() {
        (*axis, index) = (index % *axis, index / *axis);
    }
    format!("matrix {place:?} of the batch {batch:?}")
}

/// Sets the n×n matrix `out` to the transpose of `a`.
pub(crate) fn transpose<T: Copy>(a: &[T], n: usize, out: &mut [T]) {
    for i in 0..n {
        (0..n).for_each(|j| out[j * n + i] = a[i * n + j]);
    }
}
