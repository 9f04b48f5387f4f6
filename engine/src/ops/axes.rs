//! Axes by number.

use crate::Shape;

/// Axes counted from the front, sorted; negative ones were counted from the last.
///
/// # Panics
/// If there is no such axis, or one is named twice.
#[track_caller]
pub(crate) fn resolve(name: &str, axes: &[isize], shape: &[usize]) -> Shape {
    let mut resolved = resolve_each(name, axes, shape);
    resolved.sort_unstable();
    if let Some(pair) = resolved.windows(2).find(|pair| pair[0] == pair[1]) {
        panic!("{name}: axis {} is named twice in {axes:?}", pair[0]);
    }
    resolved
}

/// Axes counted from the front, in the order given.
///
/// # Panics
/// If there is no such axis.
#[track_caller]
pub(crate) fn resolve_each(name: &str, axes: &[isize], shape: &[usize]) -> Shape {
    let mut resolved = Shape::default();
    // In a closure the caller's line would be lost.
    for &axis in axes {
        resolved.push(resolve_one(name, axis, shape));
    }
    resolved
}

/// One axis counted from the front.
///
/// # Panics
/// If there is no such axis.
#[track_caller]
pub(crate) fn resolve_one(name: &str, axis: isize, shape: &[usize]) -> usize {
    let rank = shape.len() as isize;
    let resolved = if axis < 0 { axis + rank } else { axis };
    assert!((0..rank).contains(&resolved), "{name}: there is no axis {axis} in the shape {shape:?}");
    resolved as usize
}

/// `shape` without `axes`, or with length 1 in their places.
pub(crate) fn reduced_shape(shape: &[usize], axes: &[usize], keep: bool) -> Shape {
    let reduced = |axis: &usize| axes.contains(axis);
    (0..shape.len())
        .filter(|axis| keep || !reduced(axis))
        .map(|axis| if reduced(&axis) { 1 } else { shape[axis] })
        .collect()
}
