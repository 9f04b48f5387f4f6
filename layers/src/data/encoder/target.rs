//! Target columns as labels or as a tensor, and examples of inputs and targets.

use super::transform::{other_kind, places, scaled, unexpected, unknown_class};
use super::{ColumnEncoding, Encoder};
use crate::data::table::Values;
use crate::data::{DataError, Examples, Table, TableError};
use crate::engine::{Real, Tensor};

impl Encoder {
    /// Inputs and labels, for a likelihood of classes. Labels are the places of [`classes`](Encoder::classes), or the
    /// target's numbers if they are whole and not negative.
    ///
    /// # Errors
    /// As [`transform`](Encoder::transform) and [`labels`](Encoder::labels).
    pub fn classification<T: Real>(&self, table: &Table) -> Result<Examples<T>, DataError> {
        Examples::new(self.transform(table)?, self.labels(table)?)
    }

    /// Inputs and the numbers of all targets, (rows, targets), for a likelihood of numbers. Unless the encoder was fitted
    /// with [`raw_targets`](super::Encoding::raw_targets), targets are standardised:
    /// [`Mixture::unscaled`](crate::metrics::Mixture::unscaled) returns predictions to their unit.
    ///
    /// # Errors
    /// As [`transform`](Encoder::transform) and [`targets`](Encoder::targets).
    pub fn regression<T: Real>(&self, table: &Table) -> Result<Examples<T, Tensor<T>>, DataError> {
        Examples::new(self.transform(table)?, self.targets(table)?)
    }

    /// The labels of the only target.
    ///
    /// # Errors
    /// [`TableError`], with line and column, if a class does not occur in the table on which the encoder was fitted, a
    /// number is negative or not whole, or a value is missing; if there is not exactly one target.
    pub fn labels(&self, table: &Table) -> Result<Vec<usize>, TableError> {
        let [target] = &self.targets[..] else {
            let problem =
                format!("a classification has one target, but the encoder was fitted with {}", self.targets.len());
            return Err(table.problem(problem + "; set it by `Csv::target`"));
        };
        let labels = table.labels(target.name())?;
        let column = table.column(target.name())?;
        match (target, &column.values) {
            (ColumnEncoding::Number { .. }, Values::Numbers(_)) => Ok(labels),
            (ColumnEncoding::Categories { names, .. }, Values::Categories { names: present, .. }) => {
                let places = places(names, present);
                let place = |(row, label): (usize, usize)| {
                    places[label].ok_or_else(|| unknown_class(table, column, row, &present[label], names.len()))
                };
                labels.into_iter().enumerate().map(place).collect()
            }
            _ => Err(other_kind(table, target)),
        }
    }

    /// The targets' numbers, (rows, targets), standardised unless [`raw_targets`](super::Encoding::raw_targets).
    ///
    /// # Errors
    /// [`TableError`], with line and column, if a value is missing or too large for `T`; if there is no target, or one holds
    /// categories.
    pub fn targets<T: Real>(&self, table: &Table) -> Result<Tensor<T>, TableError> {
        let (targets, mask) = self.masked_targets(table)?;
        if let Some(at) = mask.data().iter().position(|&present| present == T::ZERO) {
            let (row, column) = (at / self.targets.len(), table.column(self.targets[at % self.targets.len()].name())?);
            return Err(unexpected(table, column, row));
        }
        Ok(targets)
    }

    /// The targets' numbers as [`targets`](Encoder::targets), with 0 where a value is missing, and a mask of the same shape:
    /// 1 where a value is present, 0 where it is missing.
    ///
    /// # Errors
    /// As [`targets`](Encoder::targets), except for missing values.
    pub fn masked_targets<T: Real>(&self, table: &Table) -> Result<(Tensor<T>, Tensor<T>), TableError> {
        let (rows, width) = (table.len(), self.targets.len());
        if width == 0 {
            return Err(table.problem("the encoder was fitted without targets; set them by `Csv::target`"));
        }
        let mut tensor = Tensor::<T>::zeros([rows, width]);
        let mut mask = Tensor::<T>::full([rows, width], 1.0);
        for (place, target) in self.targets.iter().enumerate() {
            let column = table.column(target.name())?;
            let (ColumnEncoding::Number { mean, sd, .. }, Values::Numbers(numbers)) = (target, &column.values) else {
                let problem = format!(
                    "target {:?} holds categories; use `classification` and `labels`, or `.numeric(..)` if they are numbers",
                    target.name()
                );
                return Err(table.problem(problem));
            };
            for (row, &x) in numbers.iter().enumerate() {
                let at = row * width + place;
                if x.is_nan() {
                    mask.data_mut()[at] = T::ZERO;
                } else {
                    tensor.data_mut()[at] = scaled(table, column, row, [x, *mean, *sd])?;
                }
            }
        }
        Ok((tensor, mask))
    }
}
