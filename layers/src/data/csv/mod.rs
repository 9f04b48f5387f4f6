//! `Csv`: reads tables of comma-separated values, or separated by anything else, into a [`Table`].

mod blocks;
mod category;
mod column;
mod number;
mod plan;
mod read;
mod split;

use std::io::{BufReader, Read};
use std::path::Path;

use super::source::Source;
use super::{DataError, Table};

/// What to do with a missing value. See [`Csv::missing`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// It is an error that names line and column.
    #[default]
    Error,
    /// Its row is left out; [`Table::dropped`] counts such rows.
    DropRow,
    /// It stays missing in the table. An [`Encoder`](super::Encoder) gives the model the training part's mean in its place
    /// and says so in a column of its own.
    Mask,
}

/// A column by its name in the header, or by its number in the file, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnId {
    /// The name in the header.
    Name(String),
    /// The number, from 1.
    Number(usize),
}

impl From<&str> for ColumnId {
    fn from(name: &str) -> ColumnId {
        ColumnId::Name(name.to_owned())
    }
}

impl From<String> for ColumnId {
    fn from(name: String) -> ColumnId {
        ColumnId::Name(name)
    }
}

impl From<usize> for ColumnId {
    fn from(number: usize) -> ColumnId {
        ColumnId::Number(number)
    }
}

/// Reads tables as comma-separated values (RFC 4180), plain or gzip. The options apply to every file read.
///
/// ```
/// use elbo::data::Csv;
///
/// let text = "height,leaf,species\n5.1,round,oak\n4.9,long,willow\n6.0,round,oak\n";
/// let table = Csv::new().target("species").parse("trees", text)?;
/// assert_eq!(table.len(), 3);
/// assert_eq!(table.numbers("height")?, [5.1, 4.9, 6.0]);
/// assert_eq!(table.column("species")?.categories().unwrap(), ["oak", "willow"]);
///
/// // A mistake is named by line and column.
/// let error = Csv::new().parse("trees", "height,leaf\n5.1,round\n\"4,9\",long\n").unwrap_err().to_string();
/// assert!(error.starts_with("trees, line 3, column 1 (\"height\"): expected a number, found \"4,9\", which has a comma"));
/// # Ok::<(), elbo::data::DataError>(())
/// ```
///
/// # What a column holds
///
/// A column holds numbers if its first value is a number, and categories otherwise. All further values must be of the same
/// kind, or the reader returns an error: so a single `12o` among numbers is found. [`numeric`](Csv::numeric) and
/// [`categorical`](Csv::categorical) set the kind, for instance if numbers are names of categories.
///
/// - A number is written in digits, with an optional sign, decimal sign and exponent: `-1`, `.5`, `1e-3`. `inf`, `1e400`,
///   `1,5`, `12%` and `1 000` are errors that say what to do.
/// - Categories are sorted: by value if all are whole numbers, otherwise by their characters. So their order does not
///   depend on the order of the rows. [`categories`](Csv::categories) sets names and order.
/// - Dates and times are an error: turn them into numbers that mean something to the model, such as days since a start.
/// - A missing value is an empty cell, `?`, `NA`, `N/A`, `NaN`, `nan`, `null` or `NULL`; see
///   [`missing_values`](Csv::missing_values) and [`missing`](Csv::missing).
///
/// # The file
///
/// Lines end in `\n`, `\r\n` or `\r`. Spaces and tabs around a cell do not belong to it; within quotes they do, and so do
/// delimiters and line ends. All rows must have the same number of cells. Blank lines may only end the file. The text must be
/// UTF-8, with or without a byte order mark; a column without a name, or two of the same name, must be
/// [ignored](Csv::ignore).
///
/// Reading takes at most 16 times the file's size plus 1 MiB of memory, like [all readers](elbo_engine::io), and time linear
/// in its size.
#[derive(Clone, Debug)]
#[must_use]
pub struct Csv {
    header: Option<bool>,
    delimiter: u8,
    quotes: bool,
    comment: Option<u8>,
    skip: u64,
    decimal: u8,
    numeric: Vec<ColumnId>,
    categorical: Vec<(ColumnId, Option<Vec<String>>)>,
    inputs: Option<Vec<ColumnId>>,
    targets: Vec<ColumnId>,
    ignored: Vec<ColumnId>,
    missing: Missing,
    tokens: Vec<String>,
    max_categories: usize,
    limit: Option<u64>,
}

impl Default for Csv {
    fn default() -> Csv {
        Csv::new()
    }
}

fn ids<I: IntoIterator<Item: Into<ColumnId>>>(columns: I) -> impl Iterator<Item = ColumnId> {
    columns.into_iter().map(Into::into)
}

impl Csv {
    /// A reader of tables with a header, cells separated by commas, and no targets.
    pub fn new() -> Csv {
        let tokens = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"].map(str::to_owned).into();
        Csv {
            header: None,
            delimiter: b',',
            quotes: true,
            comment: None,
            skip: 0,
            decimal: b'.',
            numeric: Vec::new(),
            categorical: Vec::new(),
            inputs: None,
            targets: Vec::new(),
            ignored: Vec::new(),
            missing: Missing::Error,
            tokens,
            max_categories: 1000,
            limit: None,
        }
    }

    /// Sets whether the first row holds the columns' names. Without a header, columns are named by their numbers, from 1.
    /// By default there is one, and a number in it is an error, since the file may then have none;
    /// `header(true)` accepts numbers as names.
    pub fn header(self, header: bool) -> Csv {
        Csv { header: Some(header), ..self }
    }

    /// Sets the byte between cells, such as `b';'` or `b'\t'`. With `b' '`, any run of spaces and tabs separates two cells.
    ///
    /// # Panics
    /// If it is a quote, a letter, a digit, a line end, a sign or a point.
    #[track_caller]
    pub fn delimiter(self, delimiter: u8) -> Csv {
        let fits = delimiter.is_ascii() && !delimiter.is_ascii_alphanumeric() && !b"\"\r\n+-.\0".contains(&delimiter);
        assert!(fits, "Csv::delimiter: {:?} cannot separate cells", char::from(delimiter));
        Csv { delimiter, ..self }
    }

    /// Sets whether quotes may surround cells. If not, a quote is an ordinary character.
    pub fn quotes(self, quotes: bool) -> Csv {
        Csv { quotes, ..self }
    }

    /// Skips lines that start with this byte, such as `b'#'`, after spaces.
    ///
    /// # Panics
    /// If a cell may start with it: if it is a quote, a letter, a digit, a space, a line end, a sign or a point.
    #[track_caller]
    pub fn comment(self, byte: u8) -> Csv {
        let fits = byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\" \t\r\n+-.\0".contains(&byte);
        assert!(fits, "Csv::comment: {:?} cannot start a comment", char::from(byte));
        Csv { comment: Some(byte), ..self }
    }

    /// Skips the file's first lines, before the header.
    pub fn skip_lines(self, lines: u64) -> Csv {
        Csv { skip: lines, ..self }
    }

    /// Sets the decimal sign, `b'.'` or `b','`.
    ///
    /// # Panics
    /// If it is another byte.
    #[track_caller]
    pub fn decimal(self, decimal: u8) -> Csv {
        assert!(
            matches!(decimal, b'.' | b','),
            "Csv::decimal: the decimal sign must be '.' or ',', got {:?}",
            char::from(decimal)
        );
        Csv { decimal, ..self }
    }

    /// Declares columns of numbers, in which every other text is an error from the first row on.
    pub fn numeric<I: IntoIterator<Item: Into<ColumnId>>>(mut self, columns: I) -> Csv {
        self.numeric.extend(ids(columns));
        self
    }

    /// Declares columns of categories. Numbers in them are names.
    pub fn categorical<I: IntoIterator<Item: Into<ColumnId>>>(mut self, columns: I) -> Csv {
        self.categorical.extend(ids(columns).map(|id| (id, None)));
        self
    }

    /// Declares a column of these categories, in this order. Any other value is an error.
    pub fn categories<N: Into<String>>(
        mut self,
        column: impl Into<ColumnId>,
        names: impl IntoIterator<Item = N>,
    ) -> Csv {
        self.categorical.push((column.into(), Some(names.into_iter().map(Into::into).collect())));
        self
    }

    /// Declares a target: a column that the model predicts. All others are inputs. Call it several times for several.
    pub fn target(self, column: impl Into<ColumnId>) -> Csv {
        self.targets([column])
    }

    /// Declares several targets.
    pub fn targets<I: IntoIterator<Item: Into<ColumnId>>>(mut self, columns: I) -> Csv {
        self.targets.extend(ids(columns));
        self
    }

    /// Takes only these columns as inputs, and ignores the others that are not targets.
    pub fn inputs<I: IntoIterator<Item: Into<ColumnId>>>(mut self, columns: I) -> Csv {
        self.inputs.get_or_insert_default().extend(ids(columns));
        self
    }

    /// Leaves columns out. Their cells may hold anything, except that the first row must be text.
    pub fn ignore<I: IntoIterator<Item: Into<ColumnId>>>(mut self, columns: I) -> Csv {
        self.ignored.extend(ids(columns));
        self
    }

    /// Sets what to do with missing values. The default is an error.
    pub fn missing(self, missing: Missing) -> Csv {
        Csv { missing, ..self }
    }

    /// Sets the texts that stand for a missing value, in place of those [above](Csv#what-a-column-holds).
    pub fn missing_values<N: Into<String>>(self, texts: impl IntoIterator<Item = N>) -> Csv {
        Csv { tokens: texts.into_iter().map(Into::into).collect(), ..self }
    }

    /// Sets the most categories of a column, at most 65,000; more are an error, because the column is then often an
    /// identifier or free text. The default is 1,000.
    ///
    /// # Panics
    /// If it is 0 or more than 65,000.
    #[track_caller]
    pub fn max_categories(self, most: usize) -> Csv {
        assert!((1..=65_000).contains(&most), "Csv::max_categories: expected 1 to 65000, got {most}");
        Csv { max_categories: most, ..self }
    }

    /// Sets the memory limit in bytes. The default is 16 times the file's size plus 1 MiB.
    pub fn memory_limit(self, bytes: u64) -> Csv {
        Csv { limit: Some(bytes), ..self }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If the file is missing or unreadable, has no rows, is not a table, has a value that its column cannot hold, lacks a
    /// column that an option names, or takes more memory than [the limit](Csv::memory_limit).
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table, DataError> {
        self.read_source(Source::open(path.as_ref())?)
    }

    /// Reads bytes in memory; `name` is used in errors.
    ///
    /// # Errors
    /// As [`read`](Csv::read).
    pub fn parse(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<Table, DataError> {
        self.read_source(Source::of_bytes(name, bytes.as_ref())?)
    }

    /// Reads from any reader, in pieces; `name` is used in errors. The memory limit grows with the bytes read.
    ///
    /// # Errors
    /// As [`read`](Csv::read).
    pub fn read_from(&self, name: &str, reader: impl Read) -> Result<Table, DataError> {
        self.read_source(Source::of_reader(name, BufReader::new(reader))?)
    }
}
