//! Reads the cells of a table: finds which columns hold numbers and which names, and names the cell that fits neither.

use std::collections::{BTreeMap, BTreeSet};

use elbo::data::{Csv, DataError, Missing, Table, TableError};

use super::columns::LeftOut;
use super::text::Text;
use crate::Failure;

/// The most different names in a column that the reader takes.
const NAMES: usize = 65_000;

/// The texts that stand for a missing value.
const MISSING: [&str; 8] = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"];

/// How to read a table, where it does not say so itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Columns that are left out.
    pub ignore: Vec<String>,
    /// Columns of names, even if these are numbers.
    pub categories: Vec<String>,
    /// More texts that stand for a missing value.
    pub missing: Vec<String>,
    /// The file begins with its first row, and columns are named by their numbers.
    pub no_header: bool,
}

impl Reading {
    /// A reader of a text with the texts for missing values.
    pub(super) fn csv(&self, text: &Text) -> Csv {
        let missing = MISSING.into_iter().map(str::to_owned).chain(self.missing.iter().cloned());
        let memory = 256 * text.bytes.len() as u64 + (1 << 26);
        text.csv().missing(Missing::Mask).missing_values(missing).max_categories(NAMES).memory_limit(memory)
    }
}

/// The use of each column, by its number in the file.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    target: usize,
    categorical: BTreeSet<usize>,
    left_out: BTreeMap<usize, LeftOut>,
}

impl Layout {
    /// Reads the table with a target, and finds the kinds of its columns.
    ///
    /// # Errors
    /// If an option names no column, a cell does not fit the others in its column, or the text is not a table.
    pub(super) fn find(text: &Text, target: &str, reading: &Reading) -> Result<(Table, Layout), Failure> {
        let number = text.named("--target", target)?;
        let mut layout = Layout { target: number, categorical: BTreeSet::new(), left_out: BTreeMap::new() };
        for name in &reading.categories {
            layout.categorical.insert(text.named("--category", name)?);
        }
        for name in &reading.ignore {
            let ignored = text.named("--ignore", name)?;
            if ignored == number {
                return Err(text.problem(format!("--ignore names {name:?}, which is the target")));
            }
            layout.leave_out(ignored, name, "as you said");
        }
        for (place, _) in text.names.iter().enumerate().filter(|(_, name)| name.is_empty()) {
            layout.leave_out(place + 1, "", "it has no name, like row numbers that pandas and R write");
        }
        let mut guessed = BTreeSet::new();
        let table = loop {
            let error = match layout.read(text, reading) {
                Ok(table) => break table,
                Err(error) => error,
            };
            let DataError::InTable(TableError::Cell { column, name, expected, .. }) = &error else {
                return Err(explain(error));
            };
            if layout.categorical.insert(*column) {
                guessed.insert(*column);
            } else if expected.starts_with("at most") && *column != layout.target {
                layout.leave_out(*column, name, "it has a text of its own in most rows, like identifiers or free text");
                guessed.remove(column);
            } else {
                return Err(explain(error));
            }
        };
        for column in table.columns().iter().filter(|column| guessed.contains(&column.number())) {
            let names = table.names(column.name()).map_err(|error| explain(error.into()))?;
            let numbers = names.iter().flatten().filter(|name| looks_like_a_number(name)).count();
            if 2 * numbers < names.iter().flatten().count() {
                continue;
            }
            let wrong = names.iter().position(|name| name.is_some_and(|name| !text.is_number(name)));
            let Some(row) = wrong else { continue };
            let (cell, name) = (names[row].unwrap_or_default(), column.name());
            return Err(text.problem(format!(
                "line {}, column {} ({name:?}): expected a number as in most rows, found {cell:?}; correct it, or pass \
                 --missing {cell:?} if it stands for a missing value, or --category {name:?} if the column holds names",
                table.line(row),
                column.number()
            )));
        }
        Ok((table, layout))
    }

    /// Reads the table with these uses of its columns.
    pub(super) fn read(&self, text: &Text, reading: &Reading) -> Result<Table, DataError> {
        let categorical = self.categorical.iter().filter(|number| !self.left_out.contains_key(number)).copied();
        let csv = reading.csv(text).categorical(categorical).target(self.target);
        csv.ignore(self.left_out.keys().copied()).parse(&text.file.display().to_string(), &text.bytes)
    }

    /// Leaves a column out.
    pub(super) fn leave_out(&mut self, number: usize, name: &str, why: &str) {
        self.left_out.insert(number, LeftOut { number, name: name.to_owned(), why: why.to_owned() });
    }

    /// The columns that are left out, in the order of the file.
    pub(super) fn left_out(&self) -> Vec<LeftOut> {
        self.left_out.values().cloned().collect()
    }
}

/// Whether a text is a number, perhaps with separators of thousands or a unit of money or per cent.
fn looks_like_a_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.bytes().filter(u8::is_ascii_digit).count();
    digits > 0
        && (text.parse::<f64>().is_ok() || unsigned.chars().all(|c| c.is_ascii_digit() || "., '_%$€£¥".contains(c)))
}

/// An error of the reader, without its advice for programs.
pub(super) fn explain(error: DataError) -> Failure {
    let message = error.to_string();
    // The library's advice names methods, such as `.ignore(..)`.
    let parts: Vec<&str> =
        message.split("; ").filter(|part| !part.contains("`.") && !part.contains("`Table::")).collect();
    Failure::Input(parts.join("; "))
}
