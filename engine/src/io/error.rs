//! `FileError`: what is wrong in a file of tensors, and where.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The location of an error in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, or the name given for the bytes.
    pub file: PathBuf,
    /// The array, if the file has several.
    pub array: Option<String>,
    /// The byte offset, relative to the array's own part of the file if it has one, else to the file.
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

/// An error in a file of tensors: what is wrong, where, and what was expected. `Debug` prints the same as `Display`,
/// because `main` prints errors by `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system cannot read the file.
    #[error("{}: cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },

    /// The operating system cannot write the file.
    #[error("{}: cannot be written: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },

    /// The contents violate the format.
    #[error("{place}: expected {expected}, found {found}")]
    Format {
        /// The location.
        place: Place,
        /// What the format requires.
        expected: String,
        /// What was found.
        found: String,
    },

    /// There are more or fewer bytes than the header specifies.
    #[error("{place}: {found} bytes follow, but the header specifies {expected}; is the file complete?")]
    Length {
        /// The offset of the elements.
        place: Place,
        /// Bytes that the header specifies.
        expected: u64,
        /// Bytes found.
        found: u64,
    },

    /// The elements are not real numbers.
    #[error("{place}: elements of type {found}; booleans, integers and floating-point numbers can be read")]
    Element {
        /// The location of the type.
        place: Place,
        /// The type's name in the file.
        found: String,
    },

    /// A number that the tensor's type cannot represent.
    #[error("{place}: element {element} is {value}, which `{into}` cannot hold; read the file in another type")]
    Value {
        /// The location of the number.
        place: Place,
        /// The index of the element, in the order of the file.
        element: usize,
        /// The number.
        value: String,
        /// The tensor's type.
        into: &'static str,
    },

    /// A number that is not a class label.
    #[error(
        "{place}: row {row} (from 0) is {value}, which is not a class; labels are whole numbers from 0, so number the classes \
         0, 1, .. before"
    )]
    Label {
        /// The location of the number.
        place: Place,
        /// The row, from 0.
        row: usize,
        /// The number.
        value: f64,
    },

    /// Reading would take much more memory than the file's size suggests.
    #[error(
        "{place}: {}takes {needed} bytes of memory, but at most {limit} are allowed (16 times the file's size and 1 MiB, \
         unless you set another limit); if you trust the file, allow more with `with_limit({needed})`",
        with_others(*arrays)
    )]
    TooLarge {
        /// The location.
        place: Place,
        /// The number of arrays of the file that take `needed` bytes together: 1 for a single one.
        arrays: usize,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },

    /// The array is packed by a method that this program was built without.
    #[error(
        "{place}: the data are {packing}, and this program was built without the feature `{feature}` of `elbo`, which reads them"
    )]
    Feature {
        /// The location.
        place: Place,
        /// The packing method.
        packing: &'static str,
        /// The feature to enable.
        feature: &'static str,
    },

    /// Packed data are corrupt: they cannot be unpacked, or their size or checksum is wrong.
    #[error("{place}: the data are corrupt: {reason}")]
    Damaged {
        /// The location.
        place: Place,
        /// What is wrong.
        reason: String,
    },

    /// The file has no array with this name.
    #[error("{}: no array `{name}`; {}", file.display(), there_are(present, *count))]
    Missing {
        /// The file.
        file: PathBuf,
        /// The requested name.
        name: String,
        /// The first names in the file, at most twenty.
        present: Vec<String>,
        /// The number of arrays in the file.
        count: usize,
    },
}

crate::debug_as_display!(FileError);

fn with_others(arrays: usize) -> String {
    match arrays {
        0 | 1 => String::new(),
        _ => format!("together with {} arrays that are not larger, it ", arrays - 1),
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

    /// Lists only the first names, so that requesting many missing names does not take quadratic time.
    #[cfg(feature = "files")]
    pub(super) fn missing<'a>(file: &Path, name: &str, names: impl ExactSizeIterator<Item = &'a str>) -> FileError {
        const SHOWN: usize = 20;
        let count = names.len();
        let present = names.take(SHOWN).map(str::to_owned).collect();
        FileError::Missing { file: file.to_owned(), name: name.to_owned(), present, count }
    }
}
