//! Reads a table: the loop over its bytes, the header, the rows, and the memory that they take.

use std::path::PathBuf;

use super::Csv;
use super::blocks::Blocks;
use super::category::Categories;
use super::column::{Building, Outcome, Value};
use super::number::{Text, classify};
use super::plan::plan;
use super::split::{Cell, Cells, LONGEST_CELL, Splitter};
use crate::data::source::{Source, WORKING};
use crate::data::table::{Column, excerpt};
use crate::data::{DataError, Table, TableError};

/// The memory of a reader beside the table: the decoder's, a cell while it grows, and messages.
const OWN: u64 = WORKING + 4 * LONGEST_CELL as u64;

/// The table so far.
struct Reading<'a> {
    csv: &'a Csv,
    file: PathBuf,
    /// The memory taken and the limit, in bytes.
    used: u64,
    limit: u64,
    /// The first row, until it is complete: texts with their lines.
    first: Option<Vec<(String, u64)>>,
    names: Vec<String>,
    /// `None` for a column that is ignored.
    columns: Vec<Option<Building>>,
    targets: Vec<bool>,
    /// The values of the current row, in the order of the columns that are used.
    row: Vec<Value>,
    /// The number of cells of the current row.
    cells: usize,
    is_dropped: bool,
    lines: Blocks<u32>,
    dropped: usize,
    /// The first blank line.
    blank: Option<u64>,
    /// The last row's line.
    last: u64,
}

impl Csv {
    pub(super) fn read_source(&self, mut source: Source<'_>) -> Result<Table, DataError> {
        let mut reading = Reading {
            csv: self,
            file: source.file(),
            used: OWN,
            limit: 0,
            first: Some(Vec::new()),
            names: Vec::new(),
            columns: Vec::new(),
            targets: Vec::new(),
            row: Vec::new(),
            cells: 0,
            is_dropped: false,
            lines: Blocks::new(),
            dropped: 0,
            blank: None,
            last: 1,
        };
        if self.header == Some(false) && self.delimiter == self.decimal {
            // With a header, the number of columns shows the mistake.
            let sign = char::from(self.decimal);
            let problem =
                format!("{sign:?} is the decimal sign and separates cells; set `.delimiter(b';')`, or add a header");
            return Err(reading.problem(problem).into());
        }
        let mut splitter = Splitter::new(self.delimiter, self.quotes, self.comment, self.skip);
        source.pieces(u64::MAX, |source, piece| {
            reading.limit = self.limit.unwrap_or_else(|| source.memory_limit());
            Ok(splitter.push(piece, &mut reading)?)
        })?;
        if source.at() == 0 {
            return Err(reading.problem("the file is empty").into());
        }
        splitter.finish(&mut reading)?;
        Ok(reading.finish()?)
    }
}

impl Cells for Reading<'_> {
    fn cell(&mut self, cell: Cell<'_>) -> Result<(), TableError> {
        let place = self.cells;
        self.cells += 1;
        if place == 0
            && let Some(blank) = self.blank
        {
            return Err(self.wrong(blank, "a row", "a blank line; blank lines may only end a file"));
        }
        if self.first.is_some() {
            let text = self.text(place, &cell)?.to_owned();
            // The list grows by doubling.
            self.charge(3 * size_of::<(String, u64)>() as u64 + text.len() as u64, cell.line)?;
            self.first.get_or_insert_default().push((text, cell.line));
            return Ok(());
        }
        // A cell too many is reported at the row's end, with their number.
        if self.columns.get(place).is_none_or(Option::is_none) {
            return Ok(());
        }
        let text = self.text(place, &cell)?;
        self.value(place, text, cell.line)
    }

    fn end_of_row(&mut self, line: u64) -> Result<(), TableError> {
        match self.first.take() {
            Some(first) => self.first_row(first, line)?,
            None => self.end_of_data_row(line)?,
        }
        (self.cells, self.last) = (0, line);
        Ok(())
    }

    fn blank(&mut self, line: u64) {
        self.blank.get_or_insert(line);
    }

    fn wrong(&self, line: u64, expected: &str, found: &str) -> TableError {
        TableError::Line { file: self.file.clone(), line, expected: expected.to_owned(), found: found.to_owned() }
    }
}

impl Reading<'_> {
    fn problem(&self, problem: impl Into<String>) -> TableError {
        TableError::Columns { file: self.file.clone(), problem: problem.into() }
    }

    fn wrong_cell(&self, place: usize, line: u64, expected: String, found: String) -> TableError {
        let name = self.names.get(place).cloned().unwrap_or_default();
        TableError::Cell { file: self.file.clone(), line, column: place + 1, name, expected, found }
    }

    /// Counts memory that is about to be taken.
    fn charge(&mut self, bytes: u64, line: u64) -> Result<(), TableError> {
        self.used = self.used.saturating_add(bytes);
        if self.used <= self.limit {
            return Ok(());
        }
        Err(TableError::TooLarge { file: self.file.clone(), line, needed: self.used, limit: self.limit })
    }

    fn text<'c>(&self, place: usize, cell: &Cell<'c>) -> Result<&'c str, TableError> {
        if cell.too_long {
            let found = format!("more than {LONGEST_CELL} bytes; is there a quote too many before?");
            return Err(self.wrong_cell(place, cell.line, "a number or a name".to_owned(), found));
        }
        std::str::from_utf8(cell.bytes).map_err(|_| {
            let found = format!(
                "{}, bytes that are not UTF-8; convert the file, for instance by `iconv -f WINDOWS-1252 -t UTF-8`",
                excerpt(&String::from_utf8_lossy(&cell.bytes[..cell.bytes.len().min(48)]))
            );
            self.wrong_cell(place, cell.line, "text in UTF-8".to_owned(), found)
        })
    }

    /// Reads the value of a cell into the current row.
    fn value(&mut self, place: usize, text: &str, line: u64) -> Result<(), TableError> {
        let Some(column) = self.columns[place].as_mut() else {
            return Ok(());
        };
        let postponed = column.postponed();
        let outcome = column.read(self.csv, text, line);
        if column.postponed() < postponed {
            self.charge(postponed, line)?;
        }
        let value = match outcome.map_err(|(expected, found)| self.wrong_cell(place, line, expected, found))? {
            Outcome::Value(value) => value,
            Outcome::Drop => {
                self.is_dropped = true;
                Value::Missing
            }
            Outcome::New => {
                self.charge(Categories::needed(text), line)?;
                self.columns[place].as_mut().map_or(Value::Missing, |column| column.add(text))
            }
        };
        self.row.push(value);
        Ok(())
    }

    /// The header, or the first row of a file without one.
    fn first_row(&mut self, first: Vec<(String, u64)>, line: u64) -> Result<(), TableError> {
        let has_header = self.csv.header.unwrap_or(true);
        // Names, values and plans, beside what the columns hold.
        let each = size_of::<Building>() + size_of::<Column>() + 256;
        let names: u64 = first.iter().map(|(name, _)| 4 * name.len() as u64 + each as u64).sum();
        self.charge(names, line)?;
        if has_header {
            for (place, (name, line)) in first.iter().enumerate() {
                let is_number = matches!(classify(name, self.csv.decimal), Text::Number(_));
                if is_number && self.csv.header.is_none() {
                    let found = format!(
                        "the number {}; if the file has no header, set `.header(false)`, and if this is a name, \
                         `.header(true)`",
                        excerpt(name)
                    );
                    return Err(self.wrong_cell(place, *line, "a column's name in the header".to_owned(), found));
                }
            }
            self.names = first.iter().map(|(name, _)| name.clone()).collect();
        } else {
            self.names = (1..=first.len()).map(|number| number.to_string()).collect();
        }
        let plans = plan(self.csv, &self.names).map_err(|problem| self.problem(problem))?;
        self.columns = plans.iter().map(|plan| plan.is_used.then(|| Building::new(plan))).collect();
        self.targets = plans.iter().map(|plan| plan.is_target).collect();
        if has_header {
            return Ok(());
        }
        for (place, (text, line)) in first.iter().enumerate() {
            self.value(place, text, *line)?;
        }
        self.end_of_data_row(line)
    }

    fn end_of_data_row(&mut self, line: u64) -> Result<(), TableError> {
        let expected = self.columns.len();
        if self.cells != expected {
            let advice = if self.cells > expected {
                "; a cell with the delimiter in it, such as a decimal comma, needs quotes"
            } else {
                ""
            };
            let (expected, found) = (format!("{expected} cells, as in the first row"), self.cells);
            return Err(self.wrong(line, &expected, &format!("{found}{advice}")));
        }
        if std::mem::take(&mut self.is_dropped) {
            self.row.clear();
            self.dropped += 1;
            return Ok(());
        }
        let needed = self.lines.needed() + self.columns.iter().flatten().map(Building::needed).sum::<u64>();
        self.charge(needed, line)?;
        let Ok(line) = u32::try_from(line) else {
            return Err(self.problem("has more than 4294967295 lines; split the file"));
        };
        self.lines.push(line);
        for (column, value) in self.columns.iter_mut().flatten().zip(self.row.drain(..)) {
            column.push(value);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Table, TableError> {
        if self.first.is_some() {
            return Err(self.problem("the file has no rows, only blank lines or comments"));
        }
        if self.lines.len() == 0 {
            return Err(self.problem(match self.dropped {
                0 => "has a header but no rows; a data set needs at least one".to_owned(),
                dropped => format!("each of its {dropped} rows has a missing value and is left out"),
            }));
        }
        let largest = self.columns.iter().flatten().map(Building::finishing).max().unwrap_or(0);
        self.charge(largest.max(4 * self.lines.len() as u64), self.last)?;
        let columns = self.columns.into_iter().zip(self.names).zip(self.targets).enumerate();
        let columns = columns.filter_map(|(place, ((column, name), is_target))| {
            column.map(|column| Column { name, number: place + 1, is_target, values: column.finish() })
        });
        Ok(Table { file: self.file, columns: columns.collect(), lines: self.lines.into_vec(), dropped: self.dropped })
    }
}
