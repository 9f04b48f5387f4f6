//! What can be wrong with a file of tensors.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Where in a file something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, or the name that the bytes were given.
    pub file: PathBuf,
    /// The array, in a file of several.
    pub array: Option<String>,
    /// The byte, counted from the beginning of the array's own part of the file where it has one, else of the file.
    pub byte: u64,
}

impl Place {
    pub(super) fn new(file: &Path, array: Option<&str>, byte: usize) -> Place {
        Place { file: file.to_owned(), array: array.map(str::to_owned), byte: byte as u64 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(array) = &self.array {
            write!(f, ", array `{array}`")?;
        }
        write!(f, ", byte {}", self.byte)
    }
}

/// What is wrong with a file of tensors, where, and what was expected there. `Debug` shows what `Display` does, because it is
/// what `main` shows of an error.
#[derive(Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refuses to read the file.
    #[error("{}: cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// The operating system refuses to write the file.
    #[error("{}: cannot be written: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// Something else than the format prescribes.
    #[error("{place}: expected {expected}, found {found}")]
    Format {
        /// Where.
        place: Place,
        /// What the format prescribes.
        expected: String,
        /// What stands there.
        found: String,
    },

    /// More or fewer bytes than the header announces.
    #[error("{place}: {found} bytes follow, but the header announces {expected}; is the file whole?")]
    Length {
        /// Where the elements begin.
        place: Place,
        /// Bytes that the header announces.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },

    /// Elements that are no real numbers.
    #[error("{place}: elements of type {found}; booleans, integers and floating-point numbers can be read")]
    Element {
        /// Where the type is named.
        place: Place,
        /// Its name in the file.
        found: String,
    },

    /// A number that the tensor's type does not have.
    #[error("{place}: element {element} is {value}, which `{into}` cannot hold; read the file in another type")]
    Value {
        /// Where the number stands.
        place: Place,
        /// Which element it is, counted as they stand in the file.
        element: usize,
        /// The number.
        value: String,
        /// The tensor's type.
        into: &'static str,
    },

    /// A file that would take much more memory than its size suggests.
    #[error(
        "{place}: {}takes {needed} bytes of memory, but at most {limit} are allowed (16 times the file's size and 1 MiB, \
         unless you set another limit); if you trust the file, allow more with `with_limit({needed})`",
        with_others(*arrays)
    )]
    TooLarge {
        /// Where.
        place: Place,
        /// How many arrays of the file would take so much together: 1 where one alone does.
        arrays: usize,
        /// Bytes that it would take, or they.
        needed: u64,
        /// Bytes that are allowed.
        limit: u64,
    },

    /// An array that is packed in a way that this program was built without.
    #[error(
        "{place}: the data are {packing}, and this program was built without the feature `{feature}` of `elbo`, which reads them"
    )]
    Feature {
        /// Where.
        place: Place,
        /// How they are packed.
        packing: &'static str,
        /// The feature to enable.
        feature: &'static str,
    },

    /// Packed data that cannot be unpacked, or that are not what was packed.
    #[error("{place}: the data are damaged: {reason}")]
    Damaged {
        /// Where.
        place: Place,
        /// How that shows.
        reason: String,
    },

    /// The file has no array of this name.
    #[error("{}: no array `{name}`; {}", file.display(), there_are(present, *count))]
    Missing {
        /// The file.
        file: PathBuf,
        /// The name asked for.
        name: String,
        /// The first names that there are, twenty at most.
        present: Vec<String>,
        /// The number of arrays in the file.
        count: usize,
    },
}

crate::debug_as_display!(FileError);

fn with_others(arrays: usize) -> String {
    match arrays {
        0 | 1 => String::new(),
        _ => format!("with {} other arrays that are not larger it ", arrays - 1),
    }
}

fn there_are(present: &[String], count: usize) -> String {
    match count.saturating_sub(present.len()) {
        0 => format!("there are {present:?}"),
        more => format!("there are {present:?} and {more} more"),
    }
}

impl FileError {
    pub(super) fn format(place: Place, expected: impl Into<String>, found: impl Into<String>) -> FileError {
        FileError::Format { place, expected: expected.into(), found: found.into() }
    }

    /// Names only the first of many, so that asking for many names takes no time that grows with their square.
    #[cfg(feature = "files")]
    pub(super) fn missing<'a>(file: &Path, name: &str, names: impl ExactSizeIterator<Item = &'a str>) -> FileError {
        const SHOWN: usize = 20;
        let count = names.len();
        let present = names.take(SHOWN).map(str::to_owned).collect();
        FileError::Missing { file: file.to_owned(), name: name.to_owned(), present, count }
    }
}
