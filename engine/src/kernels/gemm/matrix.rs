//! Matrices in row-major memory: what products read and write.

use std::marker::PhantomData;

use crate::threads::Shared;

/// A matrix somewhere in memory, by strides, one of which is 1: a transposition moves nothing.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    pub(super) data: &'a [T],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
    /// See [`Matrix::with_zeros`].
    pub(super) with_zeros: bool,
}

impl<'a, T> Matrix<'a, T> {
    /// Row-major, without gaps.
    ///
    /// # Panics
    /// If the size is not `rows · columns`.
    #[track_caller]
    pub fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        assert!(
            Some(data.len()) == rows.checked_mul(columns),
            "{} elements are no {rows}×{columns} matrix",
            data.len()
        );
        Matrix { data, rows, columns, row_stride: columns, column_stride: 1, with_zeros: false }
    }

    /// Rows of `columns` elements that begin `row_stride` elements apart.
    ///
    /// # Panics
    /// If the slice ends before the last row does.
    #[track_caller]
    pub fn strided(data: &'a [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(
            span(rows, columns, row_stride) <= data.len(),
            "{} elements hold no {rows}×{columns} matrix whose rows are {row_stride} apart",
            data.len()
        );
        // So that offsets cannot overflow: a stride between two rows is at most the length of the slice.
        let row_stride = row_stride.min(data.len());
        Matrix { data, rows, columns, row_stride, column_stride: 1, with_zeros: false }
    }

    /// These rows alone.
    ///
    /// # Panics
    /// If there are not so many.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn part(self, rows: std::ops::Range<usize>) -> Self {
        assert!(rows.start < rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        Matrix { data: &self.data[rows.start * self.row_stride..], rows: rows.len(), ..self }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        Matrix {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            with_zeros: false,
        }
    }

    /// Says of a left-hand operand that some of its columns may be zero in many rows: a product may then look for them, and
    /// leave out the terms that they make. Its value is the same, also where the other operand is infinite or NaN; a zero
    /// may have another sign.
    pub(crate) fn with_zeros(self) -> Self {
        Matrix { with_zeros: true, ..self }
    }
}

/// From the first element of a matrix to behind its last.
pub(super) fn span(rows: usize, columns: usize, row_stride: usize) -> usize {
    let whole = rows.saturating_sub(1).saturating_mul(row_stride).saturating_add(columns);
    if rows == 0 || columns == 0 { 0 } else { whole }
}

/// A matrix that is written: rows of elements side by side, which may begin further apart than they are long.
#[derive(Debug)]
pub struct MatrixMut<'a, T> {
    pub(super) data: *mut T,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

impl<'a, T> MatrixMut<'a, T> {
    /// Row-major, without gaps.
    ///
    /// # Panics
    /// If the size is not `rows · columns`.
    #[track_caller]
    pub fn new(data: &'a mut [T], rows: usize, columns: usize) -> Self {
        assert!(
            Some(data.len()) == rows.checked_mul(columns),
            "{} elements are no {rows}×{columns} matrix",
            data.len()
        );
        MatrixMut { data: data.as_mut_ptr(), rows, columns, row_stride: columns, borrowed: PhantomData }
    }

    /// Rows of `columns` elements that begin `row_stride` elements apart.
    ///
    /// # Panics
    /// If the slice ends before the last row does, or the rows overlap.
    #[track_caller]
    pub fn strided(data: &'a mut [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(
            span(rows, columns, row_stride) <= data.len() && columns <= row_stride,
            "{} elements hold no {rows}×{columns} matrix whose rows are {row_stride} apart",
            data.len()
        );
        let row_stride = row_stride.min(data.len());
        MatrixMut { data: data.as_mut_ptr(), rows, columns, row_stride, borrowed: PhantomData }
    }

    /// A part of a matrix that several threads write, each its own columns: rows of `columns` elements from element
    /// `start` on, `row_stride` elements apart.
    ///
    /// # Safety
    /// The rows are within the slice behind `data`, which is borrowed for `'a`, do not overlap each other, and nothing
    /// else uses their elements meanwhile.
    pub unsafe fn part(data: Shared<T>, start: usize, rows: usize, columns: usize, row_stride: usize) -> Self {
        // Of an empty matrix the start need not be within the slice.
        MatrixMut { data: data.pointer().wrapping_add(start), rows, columns, row_stride, borrowed: PhantomData }
    }

    /// Row `i`.
    ///
    /// # Panics
    /// If there are not so many.
    #[track_caller]
    pub fn row(&mut self, i: usize) -> &mut [T] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        if self.columns == 0 {
            // It has no place, and need not lie within the slice.
            return &mut [];
        }
        // SAFETY: the matrix's rows are its own, by construction, and `&mut self` makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(i * self.row_stride), self.columns) }
    }
}
