//! Products of at most eight rows with a matrix, in `f32` on AVX-512.
//!
//! Each element of the matrix is used only a few times, so it is loaded directly into registers, without packing a panel.
//! If its columns are contiguous (row stride 1, as in x · Wᵀ), squares of elements are transposed there; if its rows are, there is one
//! row. Sums have the order of those in tiles, so a row's product has the same bits for any number of rows.

use std::arch::x86_64::{
    __m512, __mmask16, _MM_HINT_T1, _mm_prefetch, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
};
use std::ops::Range;

use super::x86::depth;
use super::{Matrix, To};
use crate::kernels::avx512::{LANES, first_lanes, transpose, with_features};

/// The number of rows up to which this is faster than tiles, if the matrix comes from memory. `cargo bench -p elbo --bench request`
/// has one row and eight.
pub(super) const FEW: usize = 8;

/// Vectors of columns, and ranges of terms, that are summed at the same time.
const VECTORS: usize = 3;
const CHUNKS: usize = 3;

with_features! {

/// # Safety
/// As for `piece` of tiles; `b` is contiguous along its columns, and there are at most [`FEW`] rows.
pub(super) unsafe fn few_rows(
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    out: *mut f32,
    row_stride: usize,
    to: To<'_, f32>,
) {
    // SAFETY: as required of the caller.
    unsafe {
        match a.rows {
            1 => rows::<1>(a, b, out, row_stride, to),
            2 => rows::<2>(a, b, out, row_stride, to),
            3 => rows::<3>(a, b, out, row_stride, to),
            4 => rows::<4>(a, b, out, row_stride, to),
            5 => rows::<5>(a, b, out, row_stride, to),
            6 => rows::<6>(a, b, out, row_stride, to),
            7 => rows::<7>(a, b, out, row_stride, to),
            _ => rows::<FEW>(a, b, out, row_stride, to),
        }
    }
}

/// # Safety
/// As for [`few_rows`], of `R` rows.
#[inline]
unsafe fn rows<const R: usize>(
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    out: *mut f32,
    row_stride: usize,
    to: To<'_, f32>,
) {
    assert!(a.rows == R && b.row_stride == 1 && a.columns == b.rows);
    let depth = depth(a.columns);
    for from in (0..a.columns).step_by(depth) {
        let terms = from..a.columns.min(from + depth);
        let to = if from == 0 { to } else { To::Before };
        for column in (0..b.columns).step_by(LANES) {
            let lanes = first_lanes(b.columns - column);
            // SAFETY: the terms and the columns are within the matrices.
            let sums = unsafe { sums::<R>(a, b, terms.clone(), column) };
            for (r, sum) in sums.into_iter().enumerate() {
                // SAFETY: required of the caller; the mask ends with the row, and with the one to add.
                unsafe { write(sum, out.add(r * row_stride), column, lanes, to) };
            }
        }
    }
}

/// Writes the sums for the columns from `column` on of the row that begins at `out`.
///
/// # Safety
/// The lanes are those of elements that nothing else uses meanwhile, and of the row to add.
#[inline]
unsafe fn write(sum: __m512, out: *mut f32, column: usize, lanes: __mmask16, to: To<'_, f32>) {
    // SAFETY: required of the caller.
    unsafe {
        let place = out.add(column);
        let before = match to {
            To::Zero => _mm512_setzero_ps(),
            To::Before => _mm512_maskz_loadu_ps(lanes, place),
            To::Row(row) => _mm512_maskz_loadu_ps(lanes, row[column..].as_ptr()),
        };
        _mm512_mask_storeu_ps(place, lanes, _mm512_add_ps(before, sum));
    }
}

/// # Safety
/// As for `piece` of tiles; `b` is contiguous along its rows, and `a` has one row.
pub(super) unsafe fn one_row(a: Matrix<'_, f32>, b: Matrix<'_, f32>, out: *mut f32, to: To<'_, f32>) {
    assert!(a.rows == 1 && b.column_stride == 1 && a.columns == b.rows);
    let depth = depth(a.columns);
    for column in (0..b.columns).step_by(VECTORS * LANES) {
        let vectors = (b.columns - column).div_ceil(LANES).min(VECTORS);
        for from in (0..a.columns).step_by(CHUNKS * depth) {
            let end = |i: usize| a.columns.min(from + i * depth);
            let terms: [Range<usize>; CHUNKS] = std::array::from_fn(|i| end(i)..end(i + 1));
            let count = terms.iter().filter(|terms| !terms.is_empty()).count();
            // SAFETY: the terms and the vectors' columns are within the matrices.
            let sums = unsafe {
                match vectors {
                    1 => sums_of_chunks::<1>(a, b, terms, column),
                    2 => sums_of_chunks::<2>(a, b, terms, column),
                    _ => sums_of_chunks::<VECTORS>(a, b, terms, column),
                }
            };
            for (i, sums) in sums.into_iter().enumerate().take(count) {
                let to = if from + i == 0 { to } else { To::Before };
                for (v, sum) in sums.into_iter().enumerate().take(vectors) {
                    let column = column + v * LANES;
                    // SAFETY: required of the caller; the mask ends with the row, and with the one to add.
                    unsafe { write(sum, out, column, first_lanes(b.columns - column), to) };
                }
            }
        }
    }
}

/// The sums over each of the ranges of terms, for `V` vectors of columns from `column` on. The ranges, of which a later one is
/// not longer, are summed at the same time, because an addition waits for the one before it.
///
/// # Safety
/// The terms and the first column of each vector are within the matrices, and `b` is contiguous along its rows.
#[inline]
unsafe fn sums_of_chunks<const V: usize>(
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    terms: [Range<usize>; CHUNKS],
    column: usize,
) -> [[__m512; VECTORS]; CHUNKS] {
    let lanes: [__mmask16; V] = std::array::from_fn(|v| first_lanes(b.columns - column - v * LANES));
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; CHUNKS];
    let mut add = |chunk: usize, term: usize| {
        // SAFETY: required of the caller; the masks end with the columns.
        unsafe {
            let factor = _mm512_set1_ps(*a.data.as_ptr().add(term * a.column_stride));
            let data = b.data.as_ptr().add(term * b.row_stride + column);
            for (v, &lanes) in lanes.iter().enumerate() {
                let vector = _mm512_maskz_loadu_ps(lanes, data.add(v * LANES));
                sums[chunk][v] = _mm512_fmadd_ps(factor, vector, sums[chunk][v]);
            }
        }
    };
    let [first, second, third] = terms;
    for i in 0..third.len() {
        add(0, first.start + i);
        add(1, second.start + i);
        add(2, third.start + i);
    }
    for i in third.len()..second.len() {
        add(0, first.start + i);
        add(1, second.start + i);
    }
    for i in second.len()..first.len() {
        add(0, first.start + i);
    }
    sums
}

/// The sums over `terms` for the columns from `column` on.
///
/// # Safety
/// The terms and the column are within the matrices, and `a` has `R` rows.
#[inline]
unsafe fn sums<const R: usize>(
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    terms: Range<usize>,
    column: usize,
) -> [__m512; R] {
    let count = LANES.min(b.columns - column);
    let mut sums = [_mm512_setzero_ps(); R];
    let mut data = b.data.as_ptr().wrapping_add(column * b.column_stride + terms.start);
    let mut factors = a.data.as_ptr().wrapping_add(terms.start * a.column_stride);
    let stride = b.column_stride;
    let mut left = terms.len();
    let mut add = |factors: *const f32, i: usize, row: __m512| {
        for (r, sum) in sums.iter_mut().enumerate() {
            // SAFETY: an element of `a`, since the term and the row are.
            let factor = unsafe { *factors.add(r * a.row_stride + i * a.column_stride) };
            *sum = _mm512_fmadd_ps(_mm512_set1_ps(factor), row, *sum);
        }
    };
    while left > 0 {
        // Whole squares, which need no mask, stay in registers.
        if left >= LANES && count == LANES {
            let columns: [__m512; LANES] = std::array::from_fn(|i| {
                let at = data.wrapping_add(i * stride);
                // Prefetch the next columns to the second-level cache: sixteen columns do not fit into the first.
                _mm_prefetch::<_MM_HINT_T1>(at.wrapping_add(LANES * stride).cast());
                // SAFETY: at least `LANES` terms and columns are left.
                unsafe { _mm512_loadu_ps(at) }
            });
            let rows = transpose(columns);
            (0..LANES).for_each(|i| add(factors, i, rows[i]));
        } else {
            let columns: [__m512; LANES] = std::array::from_fn(|i| {
                let lanes = if i < count { first_lanes(left) } else { 0 };
                // SAFETY: the mask excludes elements after the last term and the last column.
                unsafe { _mm512_maskz_loadu_ps(lanes, data.wrapping_add(i * stride)) }
            });
            let rows = transpose(columns);
            (0..LANES.min(left)).for_each(|i| add(factors, i, rows[i]));
        }
        left = left.saturating_sub(LANES);
        (data, factors) = (data.wrapping_add(LANES), factors.wrapping_add(LANES * a.column_stride));
    }
    sums
}

}
