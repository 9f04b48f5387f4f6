//! Products of at most four rows with a matrix whose columns are contiguous (row stride 1, as in x · Wᵀ), in `f32` on
//! AVX-512.
//!
//! Each element of the matrix is used only a few times, so it is loaded directly into registers, where squares of
//! elements are transposed, without packing a panel. Sums have the order of those in tiles, so a row's product has the
//! same bits for any number of rows.

use std::arch::x86_64::{
    __m512, _MM_HINT_T1, _mm_prefetch, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
};
use std::ops::Range;

use super::x86::depth;
use super::{Matrix, To};
use crate::kernels::avx512::{LANES, first_lanes, transpose, with_features};

/// The number of rows up to which this is faster than tiles.
pub(super) const FEW: usize = 4;

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
                unsafe {
                    let place = out.add(r * row_stride + column);
                    let before = match to {
                        To::Zero => _mm512_setzero_ps(),
                        To::Before => _mm512_maskz_loadu_ps(lanes, place),
                        To::Row(row) => _mm512_maskz_loadu_ps(lanes, row[column..].as_ptr()),
                    };
                    _mm512_mask_storeu_ps(place, lanes, _mm512_add_ps(before, sum));
                }
            }
        }
    }
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
