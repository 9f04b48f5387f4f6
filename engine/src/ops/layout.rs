//! `Layout`: a row-by-row walk over an array and strided operands.

use std::ops::Range;

use smallvec::SmallVec;

use crate::Shape;

/// One axis of the walk: its length, and the stride of each operand along it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis<const N: usize> {
    pub(crate) length: usize,
    pub(crate) strides: [usize; N],
}

/// A walk over a contiguous result, row by row, with the position of each of `N` operands. An operand with stride 0
/// along an axis is broadcast there.
///
/// Neighbouring axes are merged where all operands allow it, which makes rows as long as possible: operands of equal
/// shapes have a single row.
#[derive(Debug)]
pub(crate) struct Layout<const N: usize> {
    outer: SmallVec<[Axis<N>; 6]>,
    /// The number of rows.
    pub(crate) rows: usize,
    /// The length of a row.
    pub(crate) row: usize,
    /// The stride of each operand along a row.
    pub(crate) strides: [usize; N],
    /// Elements of the result from one row to the next.
    span: usize,
}

/// The start of a row.
pub(crate) struct Row<const N: usize> {
    /// The offset of the row in the result.
    pub(crate) start: usize,
    /// The offset of each operand.
    pub(crate) offsets: [usize; N],
    /// Whether this row is the first to use these elements of each operand.
    pub(crate) first: [bool; N],
}

impl<const N: usize> Layout<N> {
    /// The walk over the axes of a result, given innermost first.
    pub(crate) fn new(axes: impl Iterator<Item = Axis<N>>) -> Self {
        let mut merged: SmallVec<[Axis<N>; 6]> = SmallVec::new();
        for axis in axes.filter(|axis| axis.length != 1) {
            match merged.last_mut() {
                Some(inner) if (0..N).all(|k| axis.strides[k] == inner.strides[k] * inner.length) => {
                    inner.length *= axis.length;
                }
                _ => merged.push(axis),
            }
        }
        merged.reverse();
        let Axis { length: row, strides } = merged.pop().unwrap_or(Axis { length: 1, strides: [0; N] });
        let rows = if row == 0 { 0 } else { merged.iter().map(|axis| axis.length).product() };
        Layout { outer: merged, rows, row, strides, span: row }
    }

    /// Whether several rows use the same elements of operand `k`.
    pub(crate) fn rows_overlap(&self, k: usize) -> bool {
        self.outer.iter().any(|axis| axis.strides[k] == 0)
    }

    /// Merges consecutive rows that use the same elements of all operands into one; returns how many a row now stands
    /// for.
    pub(crate) fn merge_repeats(&mut self) -> usize {
        match self.outer.last() {
            Some(axis) if axis.strides == [0; N] && axis.length > 0 => {
                let repeats = axis.length;
                self.outer.pop();
                self.rows /= repeats;
                self.span *= repeats;
                repeats
            }
            _ => 1,
        }
    }

    /// The rows of `range`, in order.
    #[inline(always)]
    pub(crate) fn rows(&self, range: Range<usize>) -> Rows<'_, N> {
        let mut index: Shape = self.outer.iter().map(|_| 0).collect();
        let mut offsets = [0; N];
        let mut row = range.start;
        // Row 0 needs no divisions; work that is not split starts there.
        if row > 0 {
            for (axis, place) in self.outer.iter().zip(index.iter_mut()).rev() {
                *place = row % axis.length;
                row /= axis.length;
                for (offset, stride) in offsets.iter_mut().zip(axis.strides) {
                    *offset += *place * stride;
                }
            }
        }
        Rows { layout: self, index, offsets, range }
    }

    /// All rows, in order.
    #[inline(always)]
    pub(crate) fn all(&self) -> Rows<'_, N> {
        self.rows(0..self.rows)
    }
}

pub(crate) struct Rows<'a, const N: usize> {
    layout: &'a Layout<N>,
    index: Shape,
    offsets: [usize; N],
    range: Range<usize>,
}

impl<const N: usize> Iterator for Rows<'_, N> {
    type Item = Row<N>;

    #[inline(always)]
    fn next(&mut self) -> Option<Row<N>> {
        let start = self.range.next()? * self.layout.span;
        let offsets = self.offsets;
        let mut first = [true; N];
        for (axis, &place) in self.layout.outer.iter().zip(self.index.iter()) {
            for (first, stride) in first.iter_mut().zip(axis.strides) {
                *first &= place == 0 || stride != 0;
            }
        }
        for (axis, place) in self.layout.outer.iter().zip(self.index.iter_mut()).rev() {
            *place += 1;
            for (offset, stride) in self.offsets.iter_mut().zip(axis.strides) {
                *offset += stride;
            }
            if *place < axis.length {
                break;
            }
            for (offset, stride) in self.offsets.iter_mut().zip(axis.strides) {
                *offset -= stride * axis.length;
            }
            *place = 0;
        }
        Some(Row { start, offsets, first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis<const N: usize>(length: usize, strides: [usize; N]) -> Axis<N> {
        Axis { length, strides }
    }

    #[test]
    fn axes_are_merged_where_all_operands_allow_it() {
        let layout = Layout::new([axis(4, [1, 1]), axis(3, [4, 4]), axis(1, [0, 0]), axis(2, [12, 0])].into_iter());
        assert_eq!((layout.row, layout.rows, layout.strides), (12, 2, [1, 1]));
        assert_eq!((layout.rows_overlap(0), layout.rows_overlap(1)), (false, true));
    }

    #[test]
    fn a_part_of_the_rows_is_what_all_rows_have_there() {
        let axes = [axis(2, [1, 0]), axis(3, [0, 5]), axis(4, [2, 0]), axis(2, [0, 15])];
        let layout = Layout::new(axes.into_iter());
        let all: Vec<_> = layout.all().map(|row| (row.start, row.offsets, row.first)).collect();
        assert_eq!(all.len(), layout.rows);
        for from in 0..all.len() {
            let part: Vec<_> = layout.rows(from..all.len()).map(|row| (row.start, row.offsets, row.first)).collect();
            assert_eq!(part, all[from..]);
        }
    }

    #[test]
    fn repeated_rows_are_taken_together() {
        let mut layout = Layout::new([axis(4, [1]), axis(3, [0]), axis(2, [4])].into_iter());
        assert_eq!((layout.merge_repeats(), layout.rows), (3, 2));
        let starts: Vec<_> = layout.all().map(|row| (row.start, row.offsets, row.first)).collect();
        assert_eq!(starts, [(0, [0], [true]), (12, [4], [true])]);
    }
}
