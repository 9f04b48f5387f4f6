//! `TableError`: what is wrong in a table of rows and columns, and where.

use std::path::PathBuf;

use thiserror::Error;

/// What is wrong in a table, where, and what to do about it. Lines and columns count from 1, as editors show them.
/// `Debug` prints the same text as `Display`.
#[derive(Error)]
#[non_exhaustive]
pub enum TableError {
    /// A malformed line.
    #[error("{}, line {line}: expected {expected}, found {found}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What was expected.
        expected: String,
        /// What was found, and perhaps what to do.
        found: String,
    },

    /// A cell that cannot be taken as what its column holds.
    #[error("{}, line {line}, column {column} ({name:?}): expected {expected}, found {found}", file.display())]
    Cell {
        /// The file.
        file: PathBuf,
        /// The line on which the cell starts, from 1.
        line: u64,
        /// The column's number, from 1.
        column: usize,
        /// The column's name.
        name: String,
        /// What was expected.
        expected: String,
        /// What was found, and perhaps what to do.
        found: String,
    },

    /// A column that is missing, that occurs twice, or that cannot be used as asked for.
    #[error("{}: {problem}", file.display())]
    Columns {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },

    /// A table that takes more memory than allowed.
    #[error(
        "{}, line {line}: the table takes {needed} bytes of memory up to here, but at most {limit} are allowed (16 times \
         the file's size plus 1 MiB, unless you set another limit); if you trust the file, allow more with \
         `.memory_limit(bytes)`",
        file.display()
    )]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The memory needed up to this line, in bytes.
        needed: u64,
        /// The memory allowed, in bytes.
        limit: u64,
    },
}

crate::engine::debug_as_display!(TableError);

/// Text from a file for a message, limited to about a line.
pub(crate) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 48;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?} …", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Names for a message, limited to the first.
pub(crate) fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let more = names.len().saturating_sub(SHOWN);
    let names: Vec<String> = names.take(SHOWN).map(excerpt).collect();
    let names = names.join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}
