//! `Matrix` and `MatrixMut`: strided views that matrix products read and write.

use std::marker::PhantomData;

use crate::threads::Shared;

/// A read-only strided matrix with one stride equal to 1, so transposition is free.
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
    /// A contiguous row-major matrix.
    ///
    /// # Panics
    /// If the size is not `rows · columns`.
    #[track_caller]
    pub fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        assert!(
            Some(data.len()) == rows.checked_mul(columns),
            "{} elements do not make a {rows}×{columns} matrix",
            data.len()
        );
        Matrix { data, rows, columns, row_stride: columns, column_stride: 1, with_zeros: false }
    }

    /// Rows of `columns` elements, `row_stride` elements apart.
    ///
    /// # Panics
    /// If the slice ends before the last row does.
    #[track_caller]
    pub fn strided(data: &'a [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(
            span(rows, columns, row_stride) <= data.len(),
            "{} elements cannot hold a {rows}×{columns} matrix with row stride {row_stride}",
            data.len()
        );
        // Offsets cannot overflow: a stride between two rows is at most the length of the slice.
        let row_stride = row_stride.min(data.len());
        Matrix { data, rows, columns, row_stride, column_stride: 1, with_zeros: false }
    }

    /// Selects these rows.
    ///
    /// # Panics
    /// If the range is empty or out of range.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn part(self, rows: std::ops::Range<usize>) -> Self {
        assert!(
            rows.start < rows.end && rows.end <= self.rows,
            "rows {rows:?} are out of range for {} rows",
            self.rows
        );
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

    /// Marks a left-hand operand, some of whose columns may be zero in many rows: a product may then skip those terms.
    /// Its value is the same, also if the other operand is infinite or NaN; only the sign of a zero may differ.
    pub(crate) fn with_zeros(self) -> Self {
        Matrix { with_zeros: true, ..self }
    }
}

/// The number of slice elements that a matrix spans, gaps between rows included.
pub(super) fn span(rows: usize, columns: usize, row_stride: usize) -> usize {
    let whole = rows.saturating_sub(1).saturating_mul(row_stride).saturating_add(columns);
    if rows == 0 || columns == 0 { 0 } else { whole }
}

/// A writable matrix with contiguous rows and any row stride.
#[derive(Debug)]
pub struct MatrixMut<'a, T> {
    pub(super) data: *mut T,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

impl<'a, T> MatrixMut<'a, T> {
    /// A contiguous row-major matrix.
    ///
    /// # Panics
    /// If the size is not `rows · columns`.
    #[track_caller]
    pub fn new(data: &'a mut [T], rows: usize, columns: usize) -> Self {
        assert!(
            Some(data.len()) == rows.checked_mul(columns),
            "{} elements do not make a {rows}×{columns} matrix",
            data.len()
        );
        MatrixMut { data: data.as_mut_ptr(), rows, columns, row_stride: columns, borrowed: PhantomData }
    }

    /// Rows of `columns` elements, `row_stride` elements apart.
    ///
    /// # Panics
    /// If the slice ends before the last row does, or the rows overlap.
    #[track_caller]
    pub fn strided(data: &'a mut [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(
            span(rows, columns, row_stride) <= data.len() && columns <= row_stride,
            "{} elements cannot hold a {rows}×{columns} matrix with row stride {row_stride}",
            data.len()
        );
        let row_stride = row_stride.min(data.len());
        MatrixMut { data: data.as_mut_ptr(), rows, columns, row_stride, borrowed: PhantomData }
    }

    /// One thread's columns of a matrix that several threads write: rows of `columns` elements from
    /// element `start` on, `row_stride` elements apart.
    ///
    /// # Safety
    /// The rows are within the slice behind `data`, which is borrowed for `'a`, do not overlap each other, and nothing
    /// else uses their elements meanwhile.
    pub(crate) unsafe fn part(data: Shared<T>, start: usize, rows: usize, columns: usize, row_stride: usize) -> Self {
        // For an empty matrix, the start need not be within the slice.
        MatrixMut { data: data.pointer().wrapping_add(start), rows, columns, row_stride, borrowed: PhantomData }
    }

    /// Row `i`.
    ///
    /// # Panics
    /// If `i` is out of range.
    #[track_caller]
    pub fn row(&mut self, i: usize) -> &mut [T] {
        assert!(i < self.rows, "row {i} is out of range for {} rows", self.rows);
        if self.columns == 0 {
            // An empty row has no valid address, and need not lie within the slice.
            return &mut [];
        }
        // SAFETY: the matrix's rows are its own, by construction, and `&mut self` makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(i * self.row_stride), self.columns) }
    }
}
