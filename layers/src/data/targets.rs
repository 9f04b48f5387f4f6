//! The trait `Targets`: labels or numbers, gathered into minibatches.

use super::DataError;
use crate::engine::{Real, Tensor};

/// The targets of a data set, one per row: labels (`Vec<usize>`) or numbers (`Tensor<T>`, rows first).
///
/// Minibatches are gathered into a buffer that is reused, so training allocates only for the first.
pub trait Targets: Sized {
    /// The number of rows.
    fn rows(&self) -> usize;

    /// An empty buffer for minibatches: no rows, otherwise the same shape.
    fn empty_like(&self) -> Self;

    /// Replaces the content of `into` by these rows, in this order. Allocates only if `into` has never held as many.
    ///
    /// # Panics
    /// If a row is out of range, or `into` has another shape.
    fn gather(&self, rows: &[usize], into: &mut Self);

    /// The total number of labels or numbers; a log-likelihood has at most one term for each. Provided: `None`,
    /// unknown.
    fn elements(&self) -> Option<usize> {
        None
    }

    /// Checks that all values are finite.
    ///
    /// # Errors
    /// [`DataError::NotFinite`] if there is one.
    fn check(&self) -> Result<(), DataError>;
}

impl Targets for Vec<usize> {
    fn rows(&self) -> usize {
        self.len()
    }

    fn elements(&self) -> Option<usize> {
        Some(self.len())
    }

    fn empty_like(&self) -> Self {
        Vec::new()
    }

    #[track_caller]
    fn gather(&self, rows: &[usize], into: &mut Self) {
        into.clear();
        into.extend(rows.iter().map(|&row| self[row]));
    }

    fn check(&self) -> Result<(), DataError> {
        Ok(())
    }
}

impl<T: Real> Targets for Tensor<T> {
    #[track_caller]
    fn rows(&self) -> usize {
        assert!(!self.shape().is_empty(), "a scalar has no rows; the first axis of a data set must be its examples");
        self.shape()[0]
    }

    fn elements(&self) -> Option<usize> {
        Some(self.len())
    }

    #[track_caller]
    fn empty_like(&self) -> Self {
        let mut shape = self.shape().to_vec();
        assert!(!shape.is_empty(), "a scalar has no rows; the first axis of a data set must be its examples");
        shape[0] = 0;
        Tensor::zeros(shape)
    }

    #[track_caller]
    fn gather(&self, rows: &[usize], into: &mut Self) {
        assert!(
            self.shape()[1..] == into.shape()[1..],
            "gather: rows of {:?} do not fit a buffer for rows of {:?}",
            &self.shape()[1..],
            &into.shape()[1..]
        );
        if let Some(row) = rows.iter().find(|&&row| row >= self.rows()) {
            panic!("gather: row {row} (from 0) is out of range for a tensor of {} rows", self.rows());
        }
        let width: usize = self.shape()[1..].iter().product();
        into.resize_rows(rows.len());
        for (&row, to) in rows.iter().zip(into.data_mut().chunks_exact_mut(width.max(1))) {
            to.copy_from_slice(&self.data()[row * width..][..width]);
        }
    }

    fn check(&self) -> Result<(), DataError> {
        check_finite("targets", self)
    }
}

/// Checks that all elements are finite; the error has the row, and the element within the row.
pub(super) fn check_finite<T: Real>(what: &'static str, tensor: &Tensor<T>) -> Result<(), DataError> {
    let Some(at) = tensor.data().iter().position(|value| !value.is_finite()) else {
        return Ok(());
    };
    let width: usize = tensor.shape()[1..].iter().product();
    Err(DataError::NotFinite { what, row: at / width, column: at % width, value: tensor.data()[at].to_f64() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_gathered_in_the_given_order() {
        let x: Tensor = Tensor::from_fn([4, 2], |i| i as f64);
        let mut batch = x.empty_like();
        x.gather(&[3, 0, 3], &mut batch);
        assert_eq!(batch, Tensor::new([3, 2], [6.0, 7.0, 0.0, 1.0, 6.0, 7.0]));
        let mut labels = vec![9; 5];
        vec![10, 11, 12].gather(&[2, 1], &mut labels);
        assert_eq!(labels, [12, 11]);
    }

    #[test]
    fn a_buffer_is_reused() {
        let x: Tensor = Tensor::from_fn([10, 3], |i| i as f64);
        let y: Vec<usize> = (0..10).collect();
        let (mut bx, mut by) = (x.empty_like(), y.empty_like());
        let rows: Vec<usize> = (0..8).collect();
        x.gather(&rows, &mut bx);
        y.gather(&rows, &mut by);
        let (px, py) = (bx.data().as_ptr(), by.as_ptr());
        for rows in [&rows[..2], &rows[..]] {
            x.gather(rows, &mut bx);
            y.gather(rows, &mut by);
            assert_eq!((bx.data().as_ptr(), by.as_ptr()), (px, py));
        }
    }

    #[test]
    #[should_panic(expected = "gather: rows of [2] do not fit a buffer for rows of [3]")]
    fn a_buffer_of_another_shape_is_refused() {
        Tensor::<f32>::zeros([4, 2]).gather(&[0], &mut Tensor::zeros([0, 3]));
    }
}
