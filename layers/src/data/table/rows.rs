//! Parts of a table: chosen rows, splits and folds, the same rows as [`Examples`](crate::data::Examples) with the same seed.

use super::{Column, Table, TableError, Values};
use crate::data::DataError;
use crate::data::parts::{self, Folds};

impl Table {
    /// These rows, in this order; a row may occur several times.
    ///
    /// # Errors
    /// If there are none, or one is out of range: [`DataError::Rows`].
    pub fn subset(&self, rows: &[usize]) -> Result<Table, DataError> {
        parts::check(rows, self.len())?;
        Ok(self.pick(rows))
    }

    /// The rows that have a value in this column, such as a target.
    ///
    /// # Errors
    /// [`TableError::Columns`] if there is no such column, or no row has a value.
    pub fn drop_missing(&self, name: &str) -> Result<Table, DataError> {
        let values = &self.column(name)?.values;
        let rows: Vec<usize> = (0..self.len()).filter(|&row| !values.is_missing(row)).collect();
        if rows.is_empty() {
            return Err(self.problem(format!("column {name:?} has no values, so no row remains")).into());
        }
        self.subset(&rows)
    }

    /// Shuffles and splits into two tables: the given fraction of the rows (rounded) and the rest, by the seed, as
    /// [`Examples::split`](crate::data::Examples::split) does.
    ///
    /// # Errors
    /// [`DataError::Split`] if one of them would be empty.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Table, Table), DataError> {
        let (first, second) = parts::split(self.len(), fraction, seed)?;
        Ok((self.pick(&first), self.pick(&second)))
    }

    /// A split in which each class of the target column `name` has the same share in both parts, as near as whole rows
    /// allow. See [`Examples::split_stratified`](crate::data::Examples::split_stratified).
    ///
    /// # Errors
    /// If there is no such column of categories or of labels, a value is missing, or a part would be empty.
    pub fn split_stratified(&self, name: &str, fraction: f64, seed: u64) -> Result<(Table, Table), DataError> {
        let (first, second) = parts::split_stratified(&self.labels(name)?, fraction, seed)?;
        Ok((self.pick(&first), self.pick(&second)))
    }

    /// `k` pairs of a training and a validation table, for cross-validation. See
    /// [`Examples::folds`](crate::data::Examples::folds).
    ///
    /// # Errors
    /// [`DataError::Rows`] unless 2 ≤ `k` ≤ rows.
    pub fn folds(&self, k: usize, seed: u64) -> Result<impl ExactSizeIterator<Item = (Table, Table)>, DataError> {
        let folds = Folds::new(self.len(), k, seed)?;
        Ok(folds.map(|(train, validation)| (self.pick(&train), self.pick(&validation))))
    }

    /// The labels in a column: the places of its categories in their order, or its numbers if they are whole and not
    /// negative.
    ///
    /// # Errors
    /// [`TableError`], which names line and column, if a number is another one or a value is missing; if there is no such
    /// column.
    pub fn labels(&self, name: &str) -> Result<Vec<usize>, TableError> {
        let column = self.column(name)?;
        (0..self.len()).map(|row| self.label(column, row)).collect()
    }

    fn label(&self, column: &Column, row: usize) -> Result<usize, TableError> {
        const EXPECTED: &str = "a class: a whole number from 0, or a category";
        if column.values.is_missing(row) {
            return Err(self.wrong(
                row,
                column,
                EXPECTED,
                "a missing value; leave such rows out by `Table::drop_missing`",
            ));
        }
        match &column.values {
            Values::Categories { codes, .. } => Ok(usize::from(codes[row])),
            Values::Numbers(numbers) => parts::label(numbers[row]).ok_or_else(|| {
                let found =
                    format!("{}; set `.categorical(..)` for this column if its numbers are names", numbers[row]);
                self.wrong(row, column, EXPECTED, found)
            }),
        }
    }

    /// The rows must be in range.
    pub(in crate::data) fn pick(&self, rows: &[usize]) -> Table {
        let columns = self.columns.iter().map(|column| {
            let values = match &column.values {
                Values::Numbers(numbers) => Values::Numbers(rows.iter().map(|&row| numbers[row]).collect()),
                Values::Categories { names, codes } => {
                    Values::Categories { names: names.clone(), codes: rows.iter().map(|&row| codes[row]).collect() }
                }
            };
            Column { name: column.name.clone(), number: column.number, is_target: column.is_target, values }
        });
        Table {
            file: self.file.clone(),
            columns: columns.collect(),
            lines: rows.iter().map(|&row| self.lines[row]).collect(),
            dropped: self.dropped,
        }
    }
}
