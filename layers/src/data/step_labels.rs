//! `Labels`: several class labels for each example, such as one for each step of a sequence.

use super::checksum::Checksum;
use super::targets::fill_columns;
use super::{DataError, Targets};

/// Class labels, (examples, ..): one for each step of a sequence or each place of an image.
/// [`Categorical::each_step`](crate::Categorical::each_step) takes them. One label per example is a `Vec<usize>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    shape: Vec<usize>,
    values: Vec<usize>,
}

impl Labels {
    /// Labels of shape (examples, ..), row by row.
    ///
    /// # Panics
    /// If the shape has less than two axes, or another number of elements.
    #[track_caller]
    pub fn new(shape: impl Into<Vec<usize>>, values: impl Into<Vec<usize>>) -> Self {
        let (shape, values) = (shape.into(), values.into());
        assert!(
            shape.len() >= 2 && shape.iter().product::<usize>() == values.len(),
            "Labels: got {} labels for the shape {shape:?}; expected (examples, ..) with at least two axes and as many \
             labels as elements",
            values.len()
        );
        Labels { shape, values }
    }

    /// The shape, (examples, ..).
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The labels, row by row.
    pub fn values(&self) -> &[usize] {
        &self.values
    }

    fn width(&self) -> usize {
        self.shape[1..].iter().product()
    }
}

impl Targets for Labels {
    fn rows(&self) -> usize {
        self.shape[0]
    }

    fn empty_like(&self) -> Self {
        let mut shape = self.shape.clone();
        shape[0] = 0;
        Labels { shape, values: Vec::new() }
    }

    #[track_caller]
    fn gather(&self, rows: &[usize], into: &mut Self) {
        let width = self.width();
        into.shape[0] = rows.len();
        into.values.clear();
        for &row in rows {
            into.values.extend_from_slice(&self.values[row * width..][..width]);
        }
    }

    fn elements(&self) -> Option<usize> {
        Some(self.values.len())
    }

    fn check(&self) -> Result<(), DataError> {
        Ok(())
    }

    fn checksum(&self) -> Option<u64> {
        let mut checksum = Checksum::default();
        checksum.add_all(&self.shape);
        checksum.add_all(&self.values);
        Some(checksum.finish())
    }

    fn fill_masked(&mut self, observed: &[bool]) -> Result<(), DataError> {
        let width = self.width();
        fill_columns(&mut self.values, width, observed);
        Ok(())
    }
}
