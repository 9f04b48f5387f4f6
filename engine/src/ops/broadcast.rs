//! How operands of different shapes are laid over one another: numpy's rules.

use crate::Shape;

/// The shape of an elementwise operation of two operands, or `None` if they do not fit: axes are
/// matched from the last, and an axis of length 1 or a missing one is repeated.
pub(crate) fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Shape> {
    let rank = a.len().max(b.len());
    (0..rank)
        .map(|axis| match (length(a, axis, rank), length(b, axis, rank)) {
            (m, n) if m == n => Some(m),
            (1, n) => Some(n),
            (m, 1) => Some(m),
            _ => None,
        })
        .collect::<Option<Vec<_>>>()
        .map(Shape::from)
}

/// The length of an axis of an operand, counted from the front of a result with `rank` axes.
fn length(shape: &[usize], axis: usize, rank: usize) -> usize {
    let missing = rank - shape.len();
    if axis < missing { 1 } else { shape[axis - missing] }
}

/// A walk over a result and the `N` operands that are broadcast to it, row by row. A row is a run of
/// the result along which each operand either goes on in steps of one or stays where it is.
///
/// Neighbouring axes are merged wherever all operands allow it, so that rows are as long as they can
/// be: operands of equal shapes are a single row.
#[derive(Debug)]
pub(crate) struct Layout<const N: usize> {
    outer: Shape,
    outer_strides: [Shape; N],
    /// The length of a row.
    pub(crate) row: usize,
    /// Whether an operand moves along a row.
    pub(crate) moves: [bool; N],
}

/// Where a row begins.
pub(crate) struct Row<const N: usize> {
    /// The first element of the result's row.
    pub(crate) start: usize,
    /// The element of each operand there.
    pub(crate) offsets: [usize; N],
    /// Whether this row is the first to reach these elements of an operand.
    pub(crate) first: [bool; N],
}

impl<const N: usize> Layout<N> {
    /// `operands` broadcast to `result`, which they fit.
    pub(crate) fn new(result: &[usize], operands: [&[usize]; N]) -> Self {
        let rank = result.len();
        let mut steps = [1; N];
        // Merged axes from the innermost: (length, stride of each operand).
        let mut axes: smallvec::SmallVec<[(usize, [usize; N]); 6]> = smallvec::SmallVec::new();
        for axis in (0..rank).rev() {
            let mut strides = [0; N];
            for k in 0..N {
                let own = length(operands[k], axis, rank);
                if own == result[axis] && own != 1 {
                    strides[k] = steps[k];
                }
                steps[k] *= own;
            }
            if result[axis] == 1 {
                continue;
            }
            match axes.last_mut() {
                Some((inner, inner_strides)) if (0..N).all(|k| strides[k] == inner_strides[k] * *inner) => {
                    *inner *= result[axis];
                }
                _ => axes.push((result[axis], strides)),
            }
        }
        let (row, strides) = axes.first().copied().unwrap_or((1, [0; N]));
        axes.reverse();
        axes.pop();
        Layout {
            outer: axes.iter().map(|(length, _)| *length).collect(),
            outer_strides: std::array::from_fn(|k| axes.iter().map(|(_, strides)| strides[k]).collect()),
            row,
            moves: strides.map(|stride| stride != 0),
        }
    }

    /// Calls `visit` for every row, in order.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(Row<N>)) {
        let rows: usize = self.outer.iter().product();
        if self.row == 0 {
            return;
        }
        let mut index: Shape = self.outer.iter().map(|_| 0).collect();
        let mut offsets = [0; N];
        for row in 0..rows {
            visit(Row {
                start: row * self.row,
                offsets,
                first: std::array::from_fn(|k| {
                    index.iter().zip(self.outer_strides[k].iter()).all(|(&i, &stride)| i == 0 || stride != 0)
                }),
            });
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                for k in 0..N {
                    offsets[k] += self.outer_strides[k][axis];
                }
                if index[axis] < self.outer[axis] {
                    break;
                }
                for k in 0..N {
                    offsets[k] -= self.outer_strides[k][axis] * index[axis];
                }
                index[axis] = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_matched_from_the_last_axis() {
        let shape = |a: &[usize], b: &[usize]| broadcast_shape(a, b).map(|shape| shape.to_vec());
        assert_eq!(shape(&[2, 3], &[3]), Some(vec![2, 3]));
        assert_eq!(shape(&[2, 1], &[1, 3]), Some(vec![2, 3]));
        assert_eq!(shape(&[], &[0, 3]), Some(vec![0, 3]));
        assert_eq!(shape(&[0, 3], &[1, 3]), Some(vec![0, 3]));
        assert_eq!(shape(&[2, 3], &[2]), None);
    }

    #[test]
    fn equal_shapes_are_one_row() {
        let layout = Layout::new(&[2, 3, 4], [&[2, 3, 4], &[2, 3, 4]]);
        assert_eq!((layout.row, layout.outer.len(), layout.moves), (24, 0, [true, true]));
    }

    #[test]
    fn every_element_is_reached_by_the_right_operands() {
        let shapes: [&[usize]; 7] = [&[2, 3, 4], &[4], &[3, 1], &[2, 1, 1], &[1, 3, 4], &[1], &[]];
        for a in shapes {
            for b in shapes {
                let result = broadcast_shape(a, b).unwrap();
                let layout = Layout::new(&result, [a, b]);
                let mut seen = 0;
                layout.for_each(|row| {
                    for i in 0..layout.row {
                        let at = |k: usize| row.offsets[k] + if layout.moves[k] { i } else { 0 };
                        assert_eq!(at(0), element(&result, a, row.start + i));
                        assert_eq!(at(1), element(&result, b, row.start + i));
                        seen += 1;
                    }
                });
                assert_eq!(seen, result.elements());
            }
        }
    }

    /// The definition: the element of `operand` under element `i` of `result`.
    fn element(result: &[usize], operand: &[usize], mut i: usize) -> usize {
        let (mut at, mut step) = (0, 1);
        for axis in (0..result.len()).rev() {
            let own = length(operand, axis, result.len());
            at += step * if own == 1 { 0 } else { i % result[axis] };
            step *= own;
            i /= result[axis];
        }
        at
    }
}
