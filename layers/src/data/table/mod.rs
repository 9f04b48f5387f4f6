//! `Table`: rows and columns of numbers and categories, as a file holds them.

mod error;
mod rows;

use std::path::{Path, PathBuf};

pub use error::TableError;
pub(crate) use error::{excerpt, list};

/// The code of a missing category.
pub(crate) const MISSING: u16 = u16::MAX;

/// A table as [`Csv`](super::Csv) reads it: columns of numbers and of categories, each an input or a target.
///
/// Split it before anything is fitted on it, and fit an [`Encoder`](super::Encoder) on the training part alone; the encoder
/// makes tensors and [`Examples`](super::Examples) of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub(super) file: PathBuf,
    pub(super) columns: Vec<Column>,
    /// The line of each row in the file.
    pub(super) lines: Vec<u32>,
    pub(super) dropped: usize,
}

/// A column of a [`Table`].
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub(super) name: String,
    /// The number in the file, from 1.
    pub(super) number: usize,
    pub(super) is_target: bool,
    pub(super) values: Values,
}

/// The values of a column.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    /// NaN where missing.
    Numbers(Vec<f64>),
    /// [`MISSING`] where missing.
    Categories { names: Vec<String>, codes: Vec<u16> },
}

/// Missing numbers are equal.
impl PartialEq for Values {
    fn eq(&self, other: &Values) -> bool {
        match (self, other) {
            (Values::Numbers(a), Values::Numbers(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
            }
            (Values::Categories { names, codes }, Values::Categories { names: others, codes: theirs }) => {
                names == others && codes == theirs
            }
            _ => false,
        }
    }
}

impl Values {
    pub(crate) fn is_missing(&self, row: usize) -> bool {
        match self {
            Values::Numbers(numbers) => numbers[row].is_nan(),
            Values::Categories { codes, .. } => codes[row] == MISSING,
        }
    }
}

impl Column {
    /// The name in the header, or the number in a file without one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number in the file, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Whether it is a target rather than an input.
    pub fn is_target(&self) -> bool {
        self.is_target
    }

    /// The names of its categories, in their order; `None` for a column of numbers. A part of a table keeps the categories
    /// of the whole.
    pub fn categories(&self) -> Option<&[String]> {
        match &self.values {
            Values::Numbers(_) => None,
            Values::Categories { names, .. } => Some(names),
        }
    }

    /// The number of missing values.
    pub fn missing(&self) -> usize {
        let rows = match &self.values {
            Values::Numbers(numbers) => numbers.len(),
            Values::Categories { codes, .. } => codes.len(),
        };
        (0..rows).filter(|&row| self.values.is_missing(row)).count()
    }
}

impl Table {
    /// The number of rows, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a table is never empty")]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// The file, or the name given for the bytes.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The columns that are inputs or targets, in the order of the file.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of this name.
    ///
    /// # Errors
    /// [`TableError::Columns`] if there is none.
    pub fn column(&self, name: &str) -> Result<&Column, TableError> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            let names = list(self.columns.iter().map(Column::name));
            self.problem(format!("has no column {}; there are {names}", excerpt(name)))
        })
    }

    /// The numbers of a column, row by row; NaN where one is missing.
    ///
    /// # Errors
    /// [`TableError::Columns`] if there is no such column, or it holds categories.
    pub fn numbers(&self, name: &str) -> Result<&[f64], TableError> {
        match &self.column(name)?.values {
            Values::Numbers(numbers) => Ok(numbers),
            Values::Categories { .. } => {
                Err(self.problem(format!("column {} holds categories, not numbers", excerpt(name))))
            }
        }
    }

    /// The names in a column of categories, row by row; `None` where one is missing.
    ///
    /// # Errors
    /// [`TableError::Columns`] if there is no such column, or it holds numbers.
    pub fn names(&self, name: &str) -> Result<Vec<Option<&str>>, TableError> {
        match &self.column(name)?.values {
            Values::Categories { names, codes } => {
                Ok(codes.iter().map(|&code| names.get(usize::from(code)).map(String::as_str)).collect())
            }
            Values::Numbers(_) => {
                let problem =
                    format!("column {} holds numbers; set `.categorical(..)` to read them as names", excerpt(name));
                Err(self.problem(problem))
            }
        }
    }

    /// The line of a row in the file, from 1: the first of its lines if there are several.
    ///
    /// # Panics
    /// If `row` is out of range.
    #[track_caller]
    pub fn line(&self, row: usize) -> u64 {
        assert!(row < self.len(), "Table::line: row {row} is out of range for {} rows", self.len());
        u64::from(self.lines[row])
    }

    /// The number of rows that were left out because a value was missing
    /// ([`Missing::DropRow`](super::Missing::DropRow)).
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    pub(super) fn problem(&self, problem: impl Into<String>) -> TableError {
        TableError::Columns { file: self.file.clone(), problem: problem.into() }
    }

    /// The error for a cell.
    pub(super) fn wrong(
        &self,
        row: usize,
        column: &Column,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> TableError {
        TableError::Cell {
            file: self.file.clone(),
            line: self.line(row),
            column: column.number,
            name: column.name.clone(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}
