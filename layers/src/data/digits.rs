//! The 8×8 optical digits: Alpaydin and Kaynak 1998, *Optical Recognition of Handwritten Digits* (UCI), in
//! scikit-learn's CSV table: 64 pixels from 0 to 16 and the digit per line.
//!
//! Reading takes at most 16 times the file's size plus 1 MiB of memory, like [all readers](elbo_engine::io).

use std::path::{Path, PathBuf};

use super::source::{Source, WORKING};
use super::{DataError, Images, TableError};

/// The number of classes: the digits 0 to 9.
pub const CLASSES: usize = 10;

/// Height and width of an image.
const SIDE: usize = 8;
/// The darkest pixel.
const DARKEST: u8 = 16;
/// The longest line allowed. 64 pixels of two digits, the label and the commas take 194 bytes; the rest is room for
/// spaces.
const LONGEST_LINE: usize = 1024;

/// The most bytes of memory per byte of text: a line of at least 130 bytes becomes 64 pixels and a label, 72 bytes
/// together, and twice as much while the vectors grow.
const GROWTH: u64 = 2;

/// Reads the table from a file, plain or gzip.
///
/// # Errors
/// If the file is missing, unreadable or not this table.
pub fn load(path: impl AsRef<Path>) -> Result<Images, DataError> {
    parse(Source::open(path.as_ref())?)
}

/// Reads the table from memory, plain or gzip; `name` is used in errors.
///
/// # Errors
/// If the bytes are not this table.
pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Images, DataError> {
    parse(Source::of_bytes(name, bytes)?)
}

fn parse(mut source: Source<'_>) -> Result<Images, DataError> {
    let mut table = Table { file: source.file(), line: 0, blank: None, pixels: Vec::new(), labels: Vec::new() };
    let mut line = Vec::with_capacity(LONGEST_LINE);
    source.pieces(u64::MAX, |source, piece| {
        let limit = source.memory_limit().saturating_sub(WORKING) / GROWTH;
        if source.at() > limit {
            return Err(DataError::TooLong { file: source.file(), limit });
        }
        for &byte in piece {
            if byte == b'\n' {
                table.push(&line)?;
                line.clear();
            } else if line.len() == LONGEST_LINE {
                return Err(table.wrong(table.line + 1, COLUMNS, format!("more than {LONGEST_LINE} bytes")));
            } else {
                line.push(byte);
            }
        }
        Ok(())
    })?;
    table.push(&line)?;
    let Table { file, pixels, labels, .. } = table;
    if labels.is_empty() {
        return Err(DataError::Empty { what: file.display().to_string() });
    }
    Ok(Images { shape: [labels.len(), SIDE, SIDE], pixels, labels })
}

/// The content of a line, as errors describe it.
const COLUMNS: &str = "64 pixels and a digit, separated by commas";

/// The rows read so far.
struct Table {
    file: PathBuf,
    /// The number of lines so far.
    line: u64,
    /// The first blank line, after which only blank lines may follow.
    blank: Option<u64>,
    pixels: Vec<u8>,
    labels: Vec<usize>,
}

impl Table {
    fn wrong(&self, line: u64, expected: impl Into<String>, found: impl Into<String>) -> DataError {
        TableError::Line { file: self.file.clone(), line, expected: expected.into(), found: found.into() }.into()
    }

    fn push(&mut self, line: &[u8]) -> Result<(), DataError> {
        self.line += 1;
        let line = std::str::from_utf8(line).map_err(|_| self.wrong(self.line, "text", "bytes that are not UTF-8"))?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim_ascii().is_empty() {
            self.blank.get_or_insert(self.line);
            return Ok(());
        }
        if let Some(blank) = self.blank {
            return Err(self.wrong(blank, COLUMNS, "a blank line"));
        }
        let count = line.split(',').count();
        if count != SIDE * SIDE + 1 {
            return Err(self.wrong(self.line, COLUMNS, format!("{count} values")));
        }
        for (column, cell) in line.split(',').map(str::trim_ascii).enumerate() {
            let is_pixel = column < SIDE * SIDE;
            let (what, largest) = if is_pixel { ("pixel", DARKEST) } else { ("digit", CLASSES as u8 - 1) };
            let value = number(cell).filter(|&value| value <= largest).ok_or_else(|| {
                let expected = format!("a {what} from 0 to {largest} in column {}", column + 1);
                self.wrong(self.line, expected, format!("{cell:?}"))
            })?;
            if is_pixel {
                self.pixels.push(value);
            } else {
                self.labels.push(usize::from(value));
            }
        }
        Ok(())
    }
}

/// Parses a number of the table: digits only, without a sign or leading zeros.
fn number(cell: &str) -> Option<u8> {
    let is_plain = cell.bytes().all(|byte| byte.is_ascii_digit()) && (cell == "0" || !cell.starts_with('0'));
    if is_plain { cell.parse().ok() } else { None }
}
