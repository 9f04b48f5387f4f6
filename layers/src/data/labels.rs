//! Labels from numbers of any type: whole numbers from 0, or an error that names the row.

use std::fmt::Display;

use super::{DataError, parts};
use crate::engine::{Real, Tensor};

/// Labels from integers of any type, such as an array of `i64` from a file. Unlike a cast, it refuses −1. An array of the
/// crate `ndarray` is passed as `labels(array.iter().copied())`.
///
/// ```
/// # use elbo::data::labels;
/// assert_eq!(labels([0i64, 2, 1])?, [0, 2, 1]);
/// let error = labels([-1i64, 0, 1]).unwrap_err().to_string();
/// assert!(error.starts_with("row 0 (from 0): -1 is not a class"));
/// # Ok::<(), elbo::data::DataError>(())
/// ```
///
/// # Errors
/// [`DataError::NotALabel`] if a number is negative, or too large for a `usize`.
pub fn labels<I: Copy + Display + TryInto<usize>>(
    numbers: impl IntoIterator<Item = I>,
) -> Result<Vec<usize>, DataError> {
    let label = |(row, number): (usize, I)| {
        number.try_into().map_err(|_| DataError::NotALabel { row, value: number.to_string() })
    };
    numbers.into_iter().enumerate().map(label).collect()
}

/// Labels from a tensor of whole numbers, (rows) or (rows, 1), such as a column of a table in an `.npy` file.
///
/// ```
/// # use elbo::{Tensor, data::labels_of_tensor};
/// let column: Tensor = Tensor::new([3, 1], [0.0, 2.5, 1.0]);
/// let error = labels_of_tensor(&column).unwrap_err().to_string();
/// assert!(error.starts_with("row 1 (from 0): 2.5 is not a class"));
/// ```
///
/// # Errors
/// [`DataError::NotALabel`] if a number is negative, not whole, not finite, or above 2⁵³; [`DataError::Rows`] if there are
/// several numbers per row.
pub fn labels_of_tensor<T: Real>(tensor: &Tensor<T>) -> Result<Vec<usize>, DataError> {
    if !matches!(tensor.shape(), [_] | [_, 1]) {
        let problem = format!("labels: got shape {:?}, expected (rows) or (rows, 1)", tensor.shape());
        return Err(DataError::Rows { problem });
    }
    let label = |(row, number): (usize, &T)| {
        parts::label(number.to_f64()).ok_or_else(|| DataError::NotALabel { row, value: number.to_string() })
    };
    tensor.data().iter().enumerate().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_type_is_accepted_and_never_wrapped() {
        assert_eq!(labels([7u8, 0]).unwrap(), [7, 0]);
        assert_eq!(labels([7i32, 0]).unwrap(), [7, 0]);
        assert_eq!(labels(vec![7usize]).unwrap(), [7]);
        assert!(labels([0i64, -1]).unwrap_err().to_string().starts_with("row 1 (from 0): -1 is not a class"));
        assert!(labels([u128::MAX]).is_err());
    }

    #[test]
    fn numbers_must_be_whole_and_one_per_row() {
        assert_eq!(labels_of_tensor(&Tensor::<f32>::new([2], [3.0, 0.0])).unwrap(), [3, 0]);
        for wrong in [-1.0, 0.5, f32::NAN, f32::INFINITY] {
            let message = labels_of_tensor(&Tensor::new([2, 1], [0.0, wrong])).unwrap_err().to_string();
            assert!(message.starts_with("row 1 (from 0): "), "{message}");
        }
        let message = labels_of_tensor(&Tensor::<f32>::zeros([2, 3])).unwrap_err().to_string();
        assert_eq!(message, "labels: got shape [2, 3], expected (rows) or (rows, 1)");
    }
}
