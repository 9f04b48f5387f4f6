//! `Scaling`: standardises columns to mean 0 and standard deviation 1 (a `StandardScaler`), and back.

use super::{DataError, Targets};
use crate::engine::{Real, Tensor};
use crate::scalar::to_scalar;

/// A scaling of columns, x ↦ (x − shift)/scale. Fit it on the training rows and transform all rows.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::data::saved::Scaling", into = "crate::data::saved::Scaling"))]
pub struct Scaling {
    pub(crate) shift: Vec<f64>,
    pub(crate) scale: Vec<f64>,
}

impl Scaling {
    /// Fits the scaling that gives each column of `tensor` (rows first) mean 0 and standard deviation 1 (dividing by
    /// N). A constant column is only shifted.
    ///
    /// # Panics
    /// If `tensor` is a scalar or has no rows, if an element is not finite, or if the difference of two elements of a
    /// column overflows.
    #[track_caller]
    pub fn fit<T: Real>(tensor: &Tensor<T>) -> Scaling {
        let rows = tensor.rows();
        assert!(rows > 0, "Scaling::fit: a tensor of shape {:?} has no rows", tensor.shape());
        let columns = tensor.len() / rows;
        if let Some(at) = tensor.data().iter().position(|x| !x.is_finite()) {
            let (row, column, value) = (at / columns, at % columns, tensor.data()[at]);
            panic!("Scaling::fit: row {row}, column {column} (both from 0) is {value}; drop the row or fill the gap");
        }
        let (mut shift, mut scale) = (Vec::with_capacity(columns), Vec::with_capacity(columns));
        for c in 0..columns {
            let column = || tensor.data()[c..].iter().step_by(columns).map(|x| x.to_f64());
            let [mean, sd] = moments(column, rows).unwrap_or_else(|| {
                panic!("Scaling::fit: the range of column {c} (from 0) overflows; use a larger unit")
            });
            shift.push(mean);
            scale.push(if sd > 0.0 { sd } else { 1.0 });
        }
        Scaling { shift, scale }
    }

    /// A scaling that divides each of `columns` columns by the same number, such as pixels by 255.
    ///
    /// # Panics
    /// If `divisor` is not positive and finite.
    #[track_caller]
    pub fn by(divisor: f64, columns: usize) -> Scaling {
        assert!(
            divisor > 0.0 && divisor.is_finite(),
            "Scaling::by: the divisor must be positive and finite, got {divisor}"
        );
        Scaling { shift: vec![0.0; columns], scale: vec![divisor; columns] }
    }

    /// A scaling of these shifts and scales, one per column, such as those of a saved one.
    ///
    /// ```
    /// # use elbo::data::Scaling;
    /// let scaling = Scaling::from_parts([20.0, 0.5], [4.0, 0.1])?;
    /// assert_eq!((scaling.shift(), scaling.scale()), (&[20.0, 0.5][..], &[4.0, 0.1][..]));
    /// # Ok::<(), elbo::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Parts`] if their numbers differ, a shift is not finite, or a scale is not positive and finite.
    pub fn from_parts(shift: impl Into<Vec<f64>>, scale: impl Into<Vec<f64>>) -> Result<Scaling, DataError> {
        let wrong = |problem| DataError::Parts { what: "Scaling", problem };
        let (shift, scale) = (shift.into(), scale.into());
        if shift.len() != scale.len() {
            return Err(wrong(format!("{} columns of shifts, but {} of scales", shift.len(), scale.len())));
        }
        for (column, (shift, scale)) in shift.iter().zip(&scale).enumerate() {
            if !shift.is_finite() {
                return Err(wrong(format!("column {column} (from 0): the shift must be finite, got {shift}")));
            }
            if !(*scale > 0.0 && scale.is_finite()) {
                return Err(wrong(format!(
                    "column {column} (from 0): the scale must be positive and finite, got {scale}"
                )));
            }
        }
        Ok(Scaling { shift, scale })
    }

    /// What is subtracted from each column.
    pub fn shift(&self) -> &[f64] {
        &self.shift
    }

    /// What each column is then divided by.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// Scales the columns of `tensor`.
    ///
    /// # Panics
    /// If `tensor` has another number of columns, a scale is zero or infinite in `T`, or a finite element overflows.
    /// The tensor is then unchanged.
    #[track_caller]
    pub fn transform<T: Real>(&self, tensor: &mut Tensor<T>) {
        self.each(tensor, |x, shift, scale| (x - shift) / scale);
    }

    /// Transforms scaled columns back to their original units: the inverse of [`transform`](Scaling::transform).
    ///
    /// # Panics
    /// As [`transform`](Scaling::transform).
    #[track_caller]
    pub fn inverse_transform<T: Real>(&self, tensor: &mut Tensor<T>) {
        self.each(tensor, |x, shift, scale| x * scale + shift);
    }

    #[track_caller]
    fn each<T: Real>(&self, tensor: &mut Tensor<T>, change: impl Fn(f64, f64, f64) -> f64) {
        let columns = tensor.len() / tensor.rows().max(1);
        assert!(
            columns == self.shift.len(),
            "Scaling: fitted on {} columns, but a tensor of shape {:?} has {columns}",
            self.shift.len(),
            tensor.shape()
        );
        for (column, &scale) in self.scale.iter().enumerate() {
            to_scalar::<T>(format_args!("Scaling: for column {column} (from 0), a scale"), scale);
        }
        // Check all elements before changing any.
        for (row, values) in tensor.data().chunks_exact(columns.max(1)).enumerate() {
            for (column, &x) in values.iter().enumerate() {
                let (shift, scale) = (self.shift[column], self.scale[column]);
                let changed = T::from_f64(change(x.to_f64(), shift, scale));
                assert!(
                    changed.is_finite() || !x.is_finite(),
                    "Scaling: row {row}, column {column} (both from 0): {x} with shift {shift:e} and scale {scale:e} \
                     becomes {changed} in {}",
                    T::NAME
                );
            }
        }
        for row in tensor.data_mut().chunks_exact_mut(columns.max(1)) {
            for ((x, &shift), &scale) in row.iter_mut().zip(&self.shift).zip(&self.scale) {
                *x = T::from_f64(change(x.to_f64(), shift, scale));
            }
        }
    }
}

/// Mean and standard deviation of `rows` finite numbers; `None` if the difference of two overflows.
pub(super) fn moments<I: Iterator<Item = f64>>(column: impl Fn() -> I, rows: usize) -> Option<[f64; 2]> {
    let first = column().next()?;
    // Relative to the first value, so that a constant column has variance exactly 0; and in a unit in which no square
    // overflows or underflows.
    let in_unit = |unit: f64| {
        let away = |x: f64, from: f64| (x - from) / unit;
        let mean = first + unit * (column().map(|x| away(x, first)).sum::<f64>() / rows as f64);
        let variance = column().map(|x| away(x, mean).powi(2)).sum::<f64>() / rows as f64;
        [mean, unit * variance.sqrt()]
    };
    let reach = column().map(|x| (x - first).abs()).fold(0.0, f64::max);
    match reach {
        _ if reach == f64::INFINITY => None,
        0.0 | 1e-100..1e100 => Some(in_unit(1.0)),
        _ => Some(in_unit(reach)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_get_mean_zero_and_deviation_one() {
        let mut x: Tensor<f64> = Tensor::new([2, 2], [1.0, 10.0, 3.0, 50.0]);
        let scaling = Scaling::fit(&x);
        assert_eq!((scaling.shift(), scaling.scale()), (&[2.0, 30.0][..], &[1.0, 20.0][..]));
        scaling.transform(&mut x);
        assert_eq!(x.data(), [-1.0, -1.0, 1.0, 1.0]);
        scaling.inverse_transform(&mut x);
        assert_eq!(x.data(), [1.0, 10.0, 3.0, 50.0]);
    }

    #[test]
    fn a_constant_column_is_only_shifted() {
        let mut x: Tensor<f64> = Tensor::full([7, 1], 0.1);
        Scaling::fit(&x).transform(&mut x);
        assert_eq!(x.data(), [0.0; 7]);
    }

    #[test]
    #[should_panic(expected = "Scaling: fitted on 3 columns, but a tensor of shape [2, 4] has 4")]
    fn another_number_of_columns_is_refused() {
        Scaling::by(255.0, 3).transform(&mut Tensor::<f32>::zeros([2, 4]));
    }
}
