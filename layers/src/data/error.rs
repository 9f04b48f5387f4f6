//! `DataError`: what is wrong with a data set or a data file, and where.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What is wrong with some data, where, and what to do about it. `Debug` prints the same text as `Display`, because
/// `main` prints `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum DataError {
    /// There are no examples.
    #[error("{what}: no examples; a data set needs at least one non-empty row")]
    Empty {
        /// The file, or which part of the data set.
        what: String,
    },

    /// Inputs and targets have different numbers of rows.
    #[error("{inputs} rows of inputs, but {targets} of targets; each row needs one target")]
    RowsDiffer {
        /// Rows of the inputs.
        inputs: usize,
        /// Rows of the targets.
        targets: usize,
    },

    /// A NaN or an infinity.
    #[error(
        "{what}, row {row}, column {column} (both from 0): {value} is not finite; drop the row or fill the gap before \
         training"
    )]
    NotFinite {
        /// "inputs" or "targets".
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// The element within the row, from 0.
        column: usize,
        /// The value found.
        value: f64,
    },

    /// Weights of examples that do not fit them.
    #[error("weights: {problem}")]
    Weights {
        /// What is wrong, where, and what was expected.
        problem: String,
    },

    /// A mask that does not fit the targets.
    #[error("mask: {problem}")]
    Mask {
        /// What is wrong, where, and what was expected.
        problem: String,
    },

    /// A split that leaves one side without examples.
    #[error("a split of {rows} rows at {fraction} leaves one part empty; use a fraction between 0 and 1")]
    Split {
        /// Rows of the data set.
        rows: usize,
        /// The requested fraction of the first part.
        fraction: f64,
    },

    /// The file does not exist.
    #[error("{}: no such file{hint}", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
        /// Other names that were tried; may be empty.
        hint: String,
    },

    /// The operating system failed to read the file.
    #[error("{}: cannot be read: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: io::Error,
    },

    /// A compressed file that needs a feature which is not enabled.
    #[error(
        "{}: the file is {packing}, and reading it needs the feature `{feature}` of `elbo`; enable the feature or unpack \
         the file",
        file.display()
    )]
    Feature {
        /// The file.
        file: PathBuf,
        /// How it is compressed.
        packing: &'static str,
        /// The feature to enable.
        feature: &'static str,
    },

    /// A gzip file whose compressed data are damaged or truncated.
    #[error(
        "{}: the gzip data are truncated or damaged after {at} unpacked bytes, at byte {packed} of the file \
         ({source}); download the file again",
        file.display()
    )]
    Gzip {
        /// The file.
        file: PathBuf,
        /// The number of bytes unpacked before the error.
        at: u64,
        /// The number of bytes of the file read before the error.
        packed: u64,
        /// The decoder's error.
        source: io::Error,
    },

    /// The file does not start like an IDX file.
    #[error(
        "{}: not an IDX file: it starts with the bytes {found:02x?} in place of 00 00, the element type and the number \
         of axes; is it the right file?",
        file.display()
    )]
    NotIdx {
        /// The file.
        file: PathBuf,
        /// Its first four bytes.
        found: [u8; 4],
    },

    /// An IDX file with another element type than unsigned bytes.
    #[error(
        "{}: byte 2: elements of type 0x{found:02x} ({}), expected 0x08 (unsigned bytes)",
        file.display(), super::idx::type_name(*found)
    )]
    ElementType {
        /// The file.
        file: PathBuf,
        /// The type's code.
        found: u8,
    },

    /// An IDX file with another number of axes, such as labels where images are expected.
    #[error(
        "{}: byte 3: {found} axes, expected {expected}; images have 3 and labels 1, were the two files swapped?",
        file.display()
    )]
    Axes {
        /// The file.
        file: PathBuf,
        /// 3 for images, 1 for labels.
        expected: usize,
        /// The number in the file.
        found: usize,
    },

    /// The file ends before the data declared in its header.
    #[error(
        "{}: ends after {found} bytes{}, expected {expected}; download the file again",
        file.display(), for_shape(shape)
    )]
    Truncated {
        /// The file.
        file: PathBuf,
        /// The axes declared in the header; empty if the header itself is truncated.
        shape: Vec<usize>,
        /// The unpacked size of the complete file, in bytes.
        expected: u64,
        /// The unpacked size found, in bytes.
        found: u64,
    },

    /// The file continues after the data declared in its header.
    #[error(
        "{}: continues after the {expected} bytes{} that its header declares; download the file again",
        file.display(), for_shape(shape)
    )]
    Oversized {
        /// The file.
        file: PathBuf,
        /// The axes declared in the header.
        shape: Vec<usize>,
        /// The unpacked size that it should have, in bytes.
        expected: u64,
    },

    /// The header declares more data than a file of this size can contain.
    #[error(
        "{}: its header declares {shape:?} elements, but a file of this size can unpack to at most {most} bytes; \
         download the file again",
        file.display()
    )]
    Impossible {
        /// The file.
        file: PathBuf,
        /// The axes declared in the header.
        shape: Vec<usize>,
        /// The most bytes that the file can unpack to.
        most: u64,
    },

    /// A file that would take more memory than allowed.
    #[error(
        "{}: its {shape:?} elements take {needed} bytes of memory, but at most {limit} are allowed (16 times the \
         file's size plus 1 MiB, unless you set another limit); if you trust the file, allow more with \
         `idx::Reader::default().with_limit({needed})`",
        file.display()
    )]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The axes declared in the header.
        shape: Vec<usize>,
        /// The memory it would take, in bytes; for a pipe, that of the data so far.
        needed: u64,
        /// The memory allowed, in bytes.
        limit: u64,
    },

    /// A text file that is far larger than the table.
    #[error(
        "{}: unpacks to more than {limit} bytes, which would take more memory than 16 times the file's size plus 1 \
         MiB; is it the right file?",
        file.display()
    )]
    TooLong {
        /// The file.
        file: PathBuf,
        /// The most bytes accepted.
        limit: u64,
    },

    /// A label out of range.
    #[error(
        "{}: row {row} (from 0): label {label} is out of range for {classes} classes, 0 to {}",
        file.display(), classes.saturating_sub(1)
    )]
    Label {
        /// The file.
        file: PathBuf,
        /// The row, from 0.
        row: usize,
        /// The label.
        label: usize,
        /// The number of classes.
        classes: usize,
    },

    /// The numbers of images and labels differ.
    #[error(
        "{} has {images} images, but {} has {labels} labels; are both from the same data set?",
        images_file.display(), labels_file.display()
    )]
    CountsDiffer {
        /// The file of images.
        images_file: PathBuf,
        /// The number it has.
        images: usize,
        /// The file of labels.
        labels_file: PathBuf,
        /// The number it has.
        labels: usize,
    },

    /// A number that is not a class label.
    #[error(
        "row {row} (from 0): {value} is not a class; labels are whole numbers from 0, so number the classes 0, 1, .. before"
    )]
    NotALabel {
        /// The row, from 0.
        row: usize,
        /// The number found.
        value: String,
    },

    /// Chosen rows, folds or weights that do not fit the data set.
    #[error("{problem}")]
    Rows {
        /// What is wrong.
        problem: String,
    },

    /// Parts from which a value cannot be made.
    #[error("{what}: {problem}")]
    Parts {
        /// The type.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },

    /// A picture that cannot be read or does not fit the others.
    #[error("{}: {problem}", file.display())]
    Picture {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },

    /// An error in a table of text.
    #[error(transparent)]
    InTable(#[from] super::TableError),
}

crate::engine::debug_as_display!(DataError);

fn for_shape(shape: &[usize]) -> String {
    if shape.is_empty() { String::new() } else { format!(" of {shape:?} elements") }
}
