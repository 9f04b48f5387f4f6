//! Shapes: the lengths of a tensor's axes, outermost first.

use std::fmt;
use std::ops::{Deref, DerefMut};

use smallvec::SmallVec;

/// The number of axes that a shape holds without an allocation: a volume with batch, channel and draw axes.
const INLINE_AXES: usize = 6;

/// The lengths of a tensor's axes, row-major: the last axis is contiguous. A scalar has no axes.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(SmallVec<[usize; INLINE_AXES]>);

impl Shape {
    /// The number of elements.
    ///
    /// # Panics
    /// If the product overflows `usize`.
    #[track_caller]
    pub fn elements(&self) -> usize {
        elements(&self.0)
    }

    /// Appends an axis, innermost.
    pub fn push(&mut self, length: usize) {
        self.0.push(length);
    }

    /// The axes' lengths.
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }
}

/// The number of elements of a tensor with these axes (1 for a scalar).
///
/// # Panics
/// If the product overflows `usize`.
#[track_caller]
pub(crate) fn elements(axes: &[usize]) -> usize {
    // A closure would lose the caller's line.
    match checked_elements(axes) {
        Some(elements) => elements,
        None => panic!("a tensor of shape {axes:?} has more elements than memory can address"),
    }
}

/// The number of elements, or `None` if the product overflows `usize`.
pub(crate) fn checked_elements(axes: &[usize]) -> Option<usize> {
    axes.iter().try_fold(1usize, |product, &length| product.checked_mul(length))
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl DerefMut for Shape {
    fn deref_mut(&mut self) -> &mut [usize] {
        &mut self.0
    }
}

impl AsRef<[usize]> for Shape {
    fn as_ref(&self) -> &[usize] {
        &self.0
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0[..])
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(axes: [usize; N]) -> Self {
        Shape(SmallVec::from_slice(&axes))
    }
}

impl From<&[usize]> for Shape {
    fn from(axes: &[usize]) -> Self {
        Shape(SmallVec::from_slice(axes))
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

impl From<Vec<usize>> for Shape {
    fn from(axes: Vec<usize>) -> Self {
        Shape(SmallVec::from_slice(&axes))
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(axes: I) -> Self {
        Shape(axes.into_iter().collect())
    }
}

impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        self.0[..] == other[..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_has_one_element() {
        assert_eq!(Shape::default().elements(), 1);
        assert_eq!(Shape::from([2, 0, 3]).elements(), 0);
    }

    #[test]
    #[should_panic(expected = "more elements than memory can address")]
    fn an_overflowing_size_is_an_error() {
        Shape::from([usize::MAX, 2]).elements();
    }
}
