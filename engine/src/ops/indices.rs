//! `Indices`: an array of indices for embeddings, gathers and labels.

use crate::Shape;

/// An array of indices: rows of an embedding, positions along an axis. A slice is a vector of them.
///
/// ```
/// use elbo_engine::{Indices, Tape, Tensor};
///
/// let table: Tensor = Tensor::from_fn([10, 4], |i| i as f64);
/// let sentences = [3, 1, 4, 1, 5, 9];
/// let tape = Tape::new();
/// let words = tape.param(&table).embedding(Indices::new([2, 3], &sentences));
/// assert_eq!(words.shape(), [2, 3, 4]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indices<'t> {
    pub(crate) shape: Shape,
    pub(crate) values: &'t [usize],
}

impl<'t> Indices<'t> {
    /// Indices in row-major order, with a shape.
    ///
    /// # Panics
    /// If their number is not the product of the shape's axes.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>, values: &'t [usize]) -> Self {
        let shape = shape.into();
        assert!(
            shape.elements() == values.len(),
            "Indices::new: shape {shape:?} holds {} numbers, got {}",
            shape.elements(),
            values.len()
        );
        Indices { shape, values }
    }

    /// # Panics
    /// If an index is out of range for an axis of this length.
    #[track_caller]
    pub(crate) fn check(&self, name: &str, length: usize, of: &dyn std::fmt::Display) {
        if let Some(place) = self.values.iter().position(|&index| index >= length) {
            let mut rest = place;
            let mut at = self.shape.clone();
            for axis in at.iter_mut().rev() {
                (*axis, rest) = (rest % *axis, rest / *axis);
            }
            panic!("{name}: the index {} at {at:?} is out of range; {of} has the length {length}", self.values[place]);
        }
    }
}

impl<'t> From<&'t [usize]> for Indices<'t> {
    fn from(values: &'t [usize]) -> Self {
        Indices { shape: Shape::from([values.len()]), values }
    }
}

impl<'t> From<&'t Vec<usize>> for Indices<'t> {
    fn from(values: &'t Vec<usize>) -> Self {
        Indices::from(&values[..])
    }
}

impl<'t, const N: usize> From<&'t [usize; N]> for Indices<'t> {
    fn from(values: &'t [usize; N]) -> Self {
        Indices::from(&values[..])
    }
}
