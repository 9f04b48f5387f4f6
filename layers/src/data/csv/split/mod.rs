//! Splits the bytes of a table into rows and cells: RFC 4180 with any delimiter, and strict about quotes.

use crate::data::TableError;

/// The longest cell that is kept. A longer one is neither a number nor the name of a category.
pub(super) const LONGEST_CELL: usize = 1 << 16;

/// The byte order mark that some programs write before UTF-8.
const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// A cell.
pub(super) struct Cell<'a> {
    /// Without the quotes around it, and outside of quotes without spaces and tabs around it.
    pub(super) bytes: &'a [u8],
    /// The line on which it starts, from 1.
    pub(super) line: u64,
    /// Whether it has more than [`LONGEST_CELL`] bytes, of which `bytes` are the first.
    pub(super) too_long: bool,
}

/// What receives the cells.
pub(super) trait Cells {
    /// The next cell of the current row.
    fn cell(&mut self, cell: Cell<'_>) -> Result<(), TableError>;

    /// The row that started on this line is complete.
    fn end_of_row(&mut self, line: u64) -> Result<(), TableError>;

    /// This line is blank.
    fn blank(&mut self, line: u64);

    /// The error for what is wrong on a line.
    fn wrong(&self, line: u64, expected: &str, found: &str) -> TableError;
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Before the first byte of a row that is not a space.
    Row,
    /// Before the first byte of a cell that is not a space.
    Cell,
    /// Between two cells separated by spaces.
    Between,
    Plain,
    Quoted,
    /// Behind a quote within quotes: the end of the cell, or the first of two.
    Quote,
    /// Behind a quoted cell and a space.
    Closed,
    /// In a line to be skipped.
    Skipped,
}

/// The splitter: bytes go in by [`push`](Splitter::push), cells come out in a [`Cells`].
pub(super) struct Splitter {
    delimiter: u8,
    quotes: bool,
    comment: Option<u8>,
    /// Lines still to be skipped.
    skip: u64,
    state: State,
    /// The number of bytes of the byte order mark seen; 4 after the file's start.
    bom: usize,
    after_return: bool,
    line: u64,
    row: u64,
    start: u64,
    cell: Vec<u8>,
    too_long: bool,
}

impl Splitter {
    pub(super) fn new(delimiter: u8, quotes: bool, comment: Option<u8>, skip: u64) -> Splitter {
        let state = if skip > 0 { State::Skipped } else { State::Row };
        let cell = Vec::new();
        let (bom, line, row, start) = (0, 1, 1, 1);
        let (after_return, too_long) = (false, false);
        Splitter { delimiter, quotes, comment, skip, state, bom, after_return, line, row, start, cell, too_long }
    }

    /// Whether runs of spaces and tabs separate the cells.
    fn is_spaced(&self) -> bool {
        self.delimiter == b' '
    }

    fn is_space(&self, byte: u8) -> bool {
        byte == b' ' || (byte == b'\t' && self.delimiter != b'\t')
    }

    /// Splits the next bytes of the file.
    pub(super) fn push(&mut self, bytes: &[u8], to: &mut impl Cells) -> Result<(), TableError> {
        let mut rest = bytes;
        while self.bom < 4
            && let Some((&byte, after)) = rest.split_first()
        {
            match BOM.get(self.bom) {
                Some(&mark) if mark == byte => {
                    self.bom += 1;
                    rest = after;
                }
                Some(_) => {
                    if self.bom == 0 && matches!(byte, 0xff | 0xfe) {
                        let advice = "text in UTF-8 (in a spreadsheet, save as \"CSV UTF-8\")";
                        return Err(to.wrong(1, advice, "the start of a file in UTF-16"));
                    }
                    let seen = self.bom;
                    self.bom = 4;
                    BOM[..seen].iter().try_for_each(|&mark| self.byte(mark, to))?;
                }
                None => self.bom = 4,
            }
        }
        rest.iter().try_for_each(|&byte| self.byte(byte, to))
    }

    /// Ends the file.
    pub(super) fn finish(&mut self, to: &mut impl Cells) -> Result<(), TableError> {
        if let seen @ 1..3 = self.bom {
            self.bom = 4;
            BOM[..seen].iter().try_for_each(|&mark| self.byte(mark, to))?;
        }
        match self.state {
            State::Row | State::Skipped => Ok(()),
            State::Quoted => Err(to.wrong(
                self.start,
                "a quote that ends the quoted cell which starts here",
                "the end of the file; if quotes are ordinary characters here, set `.quotes(false)`",
            )),
            State::Between => to.end_of_row(self.row),
            _ => {
                self.emit(to)?;
                to.end_of_row(self.row)
            }
        }
    }

    fn byte(&mut self, byte: u8, to: &mut impl Cells) -> Result<(), TableError> {
        let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        if after_return && byte == b'\n' {
            // The second byte of a line's end.
            if self.state == State::Quoted {
                self.keep(byte);
            }
            return Ok(());
        }
        let is_end = byte == b'\n' || byte == b'\r';
        let line = self.line;
        self.line += u64::from(is_end);
        match self.state {
            State::Skipped if is_end => {
                self.skip = self.skip.saturating_sub(1);
                self.state = if self.skip > 0 { State::Skipped } else { State::Row };
            }
            State::Skipped => {}
            State::Row if is_end => to.blank(line),
            State::Row if self.comment == Some(byte) => self.state = State::Skipped,
            State::Row if self.is_space(byte) => {}
            State::Row => {
                self.row = line;
                self.first(byte, line, to)?;
            }
            State::Between if is_end => self.end(to)?,
            State::Cell | State::Between if self.is_space(byte) => {}
            State::Cell | State::Between => self.first(byte, line, to)?,
            State::Quoted if byte == b'"' => self.state = State::Quote,
            State::Quoted => self.keep(byte),
            State::Quote if byte == b'"' => {
                self.keep(byte);
                self.state = State::Quoted;
            }
            State::Plain | State::Quote | State::Closed if is_end => {
                self.emit(to)?;
                self.end(to)?;
            }
            State::Plain | State::Quote | State::Closed if byte == self.delimiter => self.emit(to)?,
            State::Plain | State::Quote if self.is_spaced() && self.is_space(byte) => self.emit(to)?,
            State::Quote | State::Closed if self.is_space(byte) => self.state = State::Closed,
            State::Quote | State::Closed => {
                let expected = "the delimiter or the end of the line after a quoted cell";
                return Err(to.wrong(line, expected, "more text; within quotes, write a quote twice"));
            }
            State::Plain if byte == b'"' && self.quotes => {
                let found = "a quote inside of a cell; put quotes around the whole cell and write the inner one twice, or \
                             set `.quotes(false)`";
                return Err(to.wrong(line, "quotes around a whole cell", found));
            }
            State::Plain => self.keep(byte),
        }
        Ok(())
    }

    /// The first byte of a cell that is not a space.
    fn first(&mut self, byte: u8, line: u64, to: &mut impl Cells) -> Result<(), TableError> {
        self.start = line;
        if byte == b'\n' || byte == b'\r' {
            self.emit(to)?;
            self.end(to)
        } else if byte == self.delimiter {
            self.emit(to)
        } else if byte == b'"' && self.quotes {
            self.state = State::Quoted;
            Ok(())
        } else {
            self.state = State::Plain;
            self.keep(byte);
            Ok(())
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.cell.len() < LONGEST_CELL {
            self.cell.push(byte);
        } else {
            self.too_long = true;
        }
    }

    /// Passes on the cell, after which another one follows.
    fn emit(&mut self, to: &mut impl Cells) -> Result<(), TableError> {
        if self.state == State::Plain {
            while self.cell.last().is_some_and(|&byte| self.is_space(byte)) {
                self.cell.pop();
            }
        }
        to.cell(Cell { bytes: &self.cell, line: self.start, too_long: self.too_long })?;
        self.cell.clear();
        self.too_long = false;
        self.start = self.line;
        self.state = if self.is_spaced() { State::Between } else { State::Cell };
        Ok(())
    }

    fn end(&mut self, to: &mut impl Cells) -> Result<(), TableError> {
        to.end_of_row(self.row)?;
        self.state = State::Row;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
