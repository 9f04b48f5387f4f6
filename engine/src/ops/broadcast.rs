//! Broadcasting of operands by NumPy's rules.

use crate::Shape;
use crate::ops::layout::{Axis, Layout};

/// The broadcast shape of two operands, or `None` if they do not match: axes are aligned from the last, and an axis of
/// length 1 or a missing one is repeated.
pub(crate) fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Shape> {
    if a == b {
        return Some(a.into());
    }
    let rank = a.len().max(b.len());
    let axes = (0..rank).map(|axis| match (length(a, axis, rank), length(b, axis, rank)) {
        (m, n) if m == n => Some(m),
        (1, n) => Some(n),
        (m, 1) => Some(m),
        _ => None,
    });
    axes.collect()
}

/// The length of an axis of an operand, counted from the front of a result with `rank` axes.
fn length(shape: &[usize], axis: usize, rank: usize) -> usize {
    let missing = rank - shape.len();
    if axis < missing { 1 } else { shape[axis - missing] }
}

/// The walk over a result of this shape and `operands` that broadcast to it. RowOperand a row, an operand has stride 1 or is
/// repeated.
pub(crate) fn broadcast<const N: usize>(result: &[usize], operands: [&[usize]; N]) -> Layout<N> {
    let rank = result.len();
    let mut steps = [1; N];
    Layout::new((0..rank).rev().map(|axis| {
        let mut strides = [0; N];
        for k in 0..N {
            let own = length(operands[k], axis, rank);
            if own != 1 {
                strides[k] = steps[k];
            }
            steps[k] *= own;
        }
        Axis { length: result[axis], strides }
    }))
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
        let layout = broadcast(&[2, 3, 4], [&[2, 3, 4], &[2, 3, 4]]);
        assert_eq!((layout.row, layout.rows, layout.strides), (24, 1, [1, 1]));
    }

    #[test]
    fn every_element_is_reached_by_the_right_operands() {
        let shapes: [&[usize]; 7] = [&[2, 3, 4], &[4], &[3, 1], &[2, 1, 1], &[1, 3, 4], &[1], &[]];
        for a in shapes {
            for b in shapes {
                let result = broadcast_shape(a, b).unwrap();
                let layout = broadcast(&result, [a, b]);
                let mut seen = 0;
                for row in layout.all() {
                    for i in 0..layout.row {
                        let at = |k: usize| row.offsets[k] + i * layout.strides[k];
                        assert_eq!(at(0), element(&result, a, row.start + i));
                        assert_eq!(at(1), element(&result, b, row.start + i));
                        seen += 1;
                    }
                }
                assert_eq!(seen, result.elements());
            }
        }
    }

    /// The reference: the element of `operand` that element `i` of `result` uses.
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
