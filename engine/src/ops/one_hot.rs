//! One-hot vectors of labels.

use crate::{Indices, Real, Shape, Tape, Var};

impl<T: Real> Tape<T> {
    /// A constant with 1 at each label's class and 0 elsewhere: the labels' shape, followed by an axis of `classes`.
    ///
    /// # Panics
    /// If a label is out of range.
    #[track_caller]
    pub fn one_hot<'i>(&self, labels: impl Into<Indices<'i>>, classes: usize) -> Var<'_, T> {
        let labels = labels.into();
        labels.check("one_hot", classes, &"the axis of classes");
        let shape: Shape = labels.shape.iter().copied().chain([classes]).collect();
        let mut values = labels.values.iter();
        let mut next = 0;
        self.constant(shape, |i| {
            let class = i % classes;
            if class == 0 {
                next = *values.next().expect("as many labels as rows");
            }
            if class == next { T::ONE } else { T::ZERO }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_in_its_row_and_zeros_elsewhere() {
        let tape = Tape::<f32>::new();
        let hot = tape.one_hot(Indices::new([2, 1], &[2, 0]), 3);
        assert_eq!((hot.shape(), hot.value()), (&[2, 1, 3][..], &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0][..]));
        assert_eq!(tape.one_hot(&[0; 0], 4).shape(), [0, 4]);
        assert_eq!(tape.one_hot(&[0, 0], 1).value(), [1.0, 1.0]);
    }

    #[test]
    #[should_panic(expected = "one_hot: the index 3 at [1] is out of range; the axis of classes has the length 3")]
    fn a_label_beyond_the_classes_is_rejected() {
        Tape::<f32>::new().one_hot(&[0, 3], 3);
    }
}
