//! Resolves axis arguments, which may be negative, and computes reduced shapes.

use crate::Shape;

/// Axes as sorted, non-negative numbers; negative arguments count from the last axis.
///
/// # Panics
/// If an axis is out of range, or repeated.
#[track_caller]
pub(crate) fn resolve(name: &str, axes: &[isize], shape: &[usize]) -> Shape {
    let mut resolved = resolve_each(name, axes, shape);
    resolved.sort_unstable();
    if let Some(pair) = resolved.windows(2).find(|pair| pair[0] == pair[1]) {
        panic!("{name}: axis {} is repeated in {axes:?}", pair[0]);
    }
    resolved
}

/// Axes as non-negative numbers, in the given order.
///
/// # Panics
/// If an axis is out of range.
#[track_caller]
pub(crate) fn resolve_each(name: &str, axes: &[isize], shape: &[usize]) -> Shape {
    let mut resolved = Shape::default();
    // A closure would lose the caller's line.
    for &axis in axes {
        resolved.push(resolve_one(name, axis, shape));
    }
    resolved
}

/// An axis as a non-negative number.
///
/// # Panics
/// If the axis is out of range.
#[track_caller]
pub(crate) fn resolve_one(name: &str, axis: isize, shape: &[usize]) -> usize {
    let rank = shape.len() as isize;
    let resolved = if axis < 0 { axis + rank } else { axis };
    assert!((0..rank).contains(&resolved), "{name}: axis {axis} is out of range for shape {shape:?}");
    resolved as usize
}

/// `shape` without `axes`, or with length 1 for them.
pub(crate) fn reduced_shape(shape: &[usize], axes: &[usize], keep: bool) -> Shape {
    let reduced = |axis: &usize| axes.contains(axis);
    (0..shape.len())
        .filter(|axis| keep || !reduced(axis))
        .map(|axis| if reduced(&axis) { 1 } else { shape[axis] })
        .collect()
}
