//! The trait `Targets`: labels or numbers, gathered into minibatches.

use super::DataError;
use super::checksum::Checksum;
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
    /// [`DataError::NotFinite`] if there is a value that is not.
    fn check(&self) -> Result<(), DataError>;

    /// A checksum of all values, by which a checkpoint tells other targets from its own. Provided: `None`, unknown.
    fn checksum(&self) -> Option<u64> {
        None
    }

    /// Replaces the values that are masked, where `observed` is false, by valid ones, so that a likelihood accepts all
    /// targets; they do not count. `observed` has one entry per element, row by row. Provided: an error.
    ///
    /// # Errors
    /// [`DataError::Mask`] if this type of targets cannot be masked.
    fn fill_masked(&mut self, observed: &[bool]) -> Result<(), DataError> {
        let _ = observed;
        Err(DataError::Mask {
            problem: format!(
                "targets of type `{}` cannot be masked; implement `Targets::fill_masked` for it",
                std::any::type_name::<Self>()
            ),
        })
    }
}

/// Replaces the masked values of row-major `values` by the first observed value of their column, or of another column
/// if there is none.
pub(super) fn fill_columns<V: Copy>(values: &mut [V], columns: usize, observed: &[bool]) {
    let Some(any) = observed.iter().position(|&is_observed| is_observed) else {
        return;
    };
    for column in 0..columns {
        let len = values.len();
        let rows = || (column..len).step_by(columns);
        let fill = values[rows().find(|&i| observed[i]).unwrap_or(any)];
        for i in rows().filter(|&i| !observed[i]) {
            values[i] = fill;
        }
    }
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

    fn checksum(&self) -> Option<u64> {
        let mut checksum = Checksum::default();
        checksum.add_all(self);
        Some(checksum.finish())
    }

    fn fill_masked(&mut self, observed: &[bool]) -> Result<(), DataError> {
        fill_columns(self, 1, observed);
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

    fn checksum(&self) -> Option<u64> {
        let mut checksum = Checksum::default();
        checksum.add_tensor(self);
        Some(checksum.finish())
    }

    fn fill_masked(&mut self, observed: &[bool]) -> Result<(), DataError> {
        let columns: usize = self.shape()[1..].iter().product();
        if let Some(at) = (0..self.len()).find(|&i| observed[i] && !self.data()[i].is_finite()) {
            let (row, column, value) = (at / columns, at % columns, self.data()[at].to_f64());
            return Err(DataError::NotFinite { what: "targets", row, column, value });
        }
        fill_columns(self.data_mut(), columns, observed);
        Ok(())
    }
}

/// Targets of several kinds, such as those of a model with several outputs. A row's elements are those of the first
/// kind, then those of the second, and so on.
macro_rules! tuples {
    ($(($($kind:ident $index:tt),+);)+) => {$(
        impl<$($kind: Targets),+> Targets for ($($kind,)+) {
            /// # Panics
            /// If the kinds have different numbers of rows.
            #[track_caller]
            fn rows(&self) -> usize {
                let rows = [$(self.$index.rows()),+];
                assert!(
                    rows.iter().all(|&count| count == rows[0]),
                    "the targets of a tuple have different numbers of rows: {rows:?}"
                );
                rows[0]
            }

            fn empty_like(&self) -> Self {
                ($(self.$index.empty_like(),)+)
            }

            #[track_caller]
            fn gather(&self, rows: &[usize], into: &mut Self) {
                $(self.$index.gather(rows, &mut into.$index);)+
            }

            fn elements(&self) -> Option<usize> {
                [$(self.$index.elements()),+].into_iter().sum()
            }

                    fn check(&self) -> Result<(), DataError> {
                $(self.$index.check()?;)+
                Ok(())
            }

            fn checksum(&self) -> Option<u64> {
                let mut checksum = Checksum::default();
                $(checksum.add(self.$index.checksum()?);)+
                Some(checksum.finish())
            }

            fn fill_masked(&mut self, observed: &[bool]) -> Result<(), DataError> {
                let (rows, width) = (self.rows(), observed.len() / self.rows().max(1));
                let mut from = 0;
                $(
                    let own = self.$index.elements().map_or(0, |elements| elements / rows.max(1));
                    let of_kind: Vec<bool> =
                        observed.chunks(width.max(1)).flat_map(|row| &row[from..from + own]).copied().collect();
                    self.$index.fill_masked(&of_kind)?;
                    from += own;
                )+
                debug_assert_eq!(from, width);
                Ok(())
            }
        }
    )+};
}

tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
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
    fn masked_values_become_observed_ones_of_their_column() {
        let mut y: Tensor<f64> = Tensor::new([3, 2], [f64::NAN, 1.0, 2.0, f64::NAN, 3.0, f64::NAN]);
        let observed: Vec<bool> = y.data().iter().map(|y| y.is_finite()).collect();
        let mut both = (vec![7, 8, 9], y.clone());
        y.fill_masked(&observed).unwrap();
        assert_eq!(y.data(), [2.0, 1.0, 2.0, 1.0, 3.0, 1.0]);
        let with_labels: Vec<bool> =
            observed.chunks(2).zip([false, true, true]).flat_map(|(y, label)| [label, y[0], y[1]]).collect();
        both.fill_masked(&with_labels).unwrap();
        assert_eq!(both, (vec![8, 8, 9], y));
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
