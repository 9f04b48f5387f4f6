//! The text of a table: unpacked, the byte between its cells, its decimal sign, and the names in its first line.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use elbo::data::Csv;
use flate2::read::MultiGzDecoder;

use crate::Failure;

/// The most bytes that a packed file may unpack to.
const MOST: u64 = 1 << 30;

/// What may separate cells, the most usual first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Bytes in which decimal signs are looked for.
const SAMPLE: usize = 1 << 16;

/// A table before its cells are read.
#[derive(Clone, Debug)]
pub struct Text {
    /// The file.
    pub file: PathBuf,
    /// Its text.
    pub bytes: Vec<u8>,
    /// The columns' names: those of the first line, or their numbers from 1.
    pub names: Vec<String>,
    has_header: bool,
    delimiter: u8,
    decimal: u8,
}

impl Text {
    /// Reads a file, plain or gzip.
    ///
    /// # Errors
    /// If it cannot be read, or its first line is not a header.
    pub fn read(file: &Path, has_header: bool) -> Result<Text, Failure> {
        let wrong = |error: std::io::Error| Failure::Input(format!("{}: {error}", file.display()));
        let mut bytes = std::fs::read(file).map_err(wrong)?;
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = Vec::new();
            MultiGzDecoder::new(&bytes[..]).take(MOST + 1).read_to_end(&mut unpacked).map_err(wrong)?;
            if unpacked.len() as u64 > MOST {
                return Err(Failure::Input(format!("{}: unpacks to more than {MOST} bytes", file.display())));
            }
            bytes = unpacked;
        }
        Text::of(file, bytes, has_header)
    }

    /// The text of these bytes; `file` is used in errors.
    ///
    /// # Errors
    /// As [`read`](Text::read).
    pub fn of(file: &Path, bytes: Vec<u8>, has_header: bool) -> Result<Text, Failure> {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let wrong = |problem: String| Err(Failure::Input(format!("{}: {problem}", file.display())));
        if text.iter().all(u8::is_ascii_whitespace) {
            return wrong("the file is empty".to_owned());
        }
        // The delimiter that parts the first line into most cells.
        let cells = |delimiter: u8| first_line(text, delimiter).len();
        let most = DELIMITERS.into_iter().map(cells).max().unwrap_or(1);
        let delimiter = DELIMITERS.into_iter().find(|&delimiter| cells(delimiter) == most).unwrap_or(b',');
        let first = first_line(text, delimiter);
        let is_number = |name: &&String| name.parse::<f64>().is_ok();
        if let Some(number) = first.iter().find(is_number).filter(|_| has_header) {
            return wrong(format!(
                "the first line has the number {number:?} where columns have names; add a line with the columns' names, or \
                 pass --no-header, and name columns by their numbers"
            ));
        }
        let names = match has_header {
            true => first,
            false => (1..=first.len()).map(|number| number.to_string()).collect(),
        };
        let decimal = if delimiter != b',' && has_decimal_commas(text) { b',' } else { b'.' };
        let file = file.to_owned();
        let text = Text { file, names, has_header, delimiter, decimal, bytes };
        text.check_names()?;
        Ok(text)
    }

    /// Every name must be there once.
    fn check_names(&self) -> Result<(), Failure> {
        let mut seen = BTreeSet::new();
        let twice = self.names.iter().filter(|name| !name.is_empty()).find(|name| !seen.insert(*name));
        match twice {
            Some(name) => {
                let places: Vec<String> = self
                    .names
                    .iter()
                    .zip(1..)
                    .filter(|(other, _)| *other == name)
                    .map(|(_, n)| n.to_string())
                    .collect();
                Err(self.problem(format!("columns {} are all called {name:?}; rename them", places.join(" and "))))
            }
            None => Ok(()),
        }
    }

    /// The number of a column in the file, from 1.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| other == name).map(|place| place + 1)
    }

    /// The number of a column that an option names.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn named(&self, option: &str, name: &str) -> Result<usize, Failure> {
        self.number(name).ok_or_else(|| {
            self.problem(format!("{option} names {name:?}, but the columns are {}", self.names.join(", ")))
        })
    }

    /// Whether a cell is a finite number with this text's decimal sign.
    pub(super) fn is_number(&self, cell: &str) -> bool {
        let cell = if self.decimal == b',' { cell.replace(',', ".") } else { cell.to_owned() };
        cell.parse::<f64>().is_ok_and(f64::is_finite)
    }

    /// A reader of this text.
    pub fn csv(&self) -> Csv {
        Csv::new().header(self.has_header).delimiter(self.delimiter).decimal(self.decimal)
    }

    /// An error in the whole file.
    pub fn problem(&self, problem: impl std::fmt::Display) -> Failure {
        Failure::Input(format!("{}: {problem}", self.file.display()))
    }
}

/// The cells of the first line.
fn first_line(text: &[u8], delimiter: u8) -> Vec<String> {
    let mut cells = vec![Cell::default()];
    let mut is_quoted = false;
    for (i, &byte) in text.iter().enumerate() {
        let cell = cells.last_mut().expect("there is a first cell");
        match byte {
            b'"' => {
                // A quote within quotes is written twice.
                if !is_quoted && i > 0 && text[i - 1] == b'"' && cell.has_quotes {
                    cell.bytes.push(byte);
                }
                is_quoted = !is_quoted;
                cell.has_quotes = true;
            }
            b'\n' | b'\r' if !is_quoted => break,
            _ if byte == delimiter && !is_quoted => cells.push(Cell::default()),
            _ => cell.bytes.push(byte),
        }
    }
    cells.into_iter().map(Cell::name).collect()
}

#[derive(Default)]
struct Cell {
    bytes: Vec<u8>,
    has_quotes: bool,
}

impl Cell {
    fn name(self) -> String {
        let name = String::from_utf8_lossy(&self.bytes);
        if self.has_quotes { name.into_owned() } else { name.trim().to_owned() }
    }
}

/// Whether digits are parted by commas, and never by points.
fn has_decimal_commas(text: &[u8]) -> bool {
    let sample = &text[..text.len().min(SAMPLE)];
    let between_digits =
        |sign: u8| sample.windows(3).any(|at| at[0].is_ascii_digit() && at[1] == sign && at[2].is_ascii_digit());
    between_digits(b',') && !between_digits(b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &str) -> Result<Text, Failure> {
        Text::of(Path::new("t.csv"), bytes.as_bytes().to_vec(), true)
    }

    #[test]
    fn the_first_line_gives_names_and_delimiter() {
        for (bytes, names, delimiter) in [
            ("a,b\n1,2\n", vec!["a", "b"], b','),
            ("\u{feff}a;b;c, d\r\n1;2;3\r\n", vec!["a", "b", "c, d"], b';'),
            ("a\tb\r1\t2", vec!["a", "b"], b'\t'),
            ("\"a,\"\"b\"\"\", c \n1,2\n", vec!["a,\"b\"", "c"], b','),
            (",a\n0,2\n", vec!["", "a"], b','),
        ] {
            let text = text(bytes).unwrap();
            assert_eq!(
                (text.names.clone(), text.delimiter),
                (names.iter().map(|&name| name.into()).collect(), delimiter)
            );
        }
    }

    #[test]
    fn commas_are_decimal_signs_where_they_do_not_part_cells() {
        assert_eq!(text("a;b\n1,5;2\n").unwrap().decimal, b',');
        assert_eq!(text("a;b\n1.5;2\n").unwrap().decimal, b'.');
        assert_eq!(text("a,b\n1,5\n").unwrap().decimal, b'.');
    }

    #[test]
    fn a_first_line_that_is_no_header_is_refused() {
        for (bytes, part) in [
            ("", "the file is empty"),
            (" \n\n", "the file is empty"),
            ("1,2\n3,4\n", "--no-header"),
            ("a,b,a\n1,2,3\n", "columns 1 and 3 are all called \"a\""),
        ] {
            let message = text(bytes).unwrap_err().to_string();
            assert!(message.contains(part), "{bytes:?}: {message}");
        }
        assert_eq!(Text::of(Path::new("t"), b"1,2\n".to_vec(), false).unwrap().names, ["1", "2"]);
    }
}
