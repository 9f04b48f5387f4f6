//! What can be wrong with data.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What is wrong with some data, where, and what to do about it. `Debug` shows what `Display` does, because it is what `main`
/// shows of an error.
#[derive(Error)]
#[non_exhaustive]
pub enum DataError {
    /// There is nothing to learn from.
    #[error("{what}: no examples; a data set needs at least one row that is not empty")]
    Empty {
        /// The file, or which part of the data set.
        what: String,
    },

    /// Inputs and targets do not pair up.
    #[error("{inputs} rows of inputs, but {targets} of targets: every row needs its own target")]
    RowsDiffer {
        /// Rows of the inputs.
        inputs: usize,
        /// Rows of the targets.
        targets: usize,
    },

    /// A NaN or an infinity.
    #[error(
        "{what}, row {row}, column {column} (both from 0): {value} is no finite number; \
         drop the row or fill the gap before training"
    )]
    NotFinite {
        /// Inputs or targets.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// The element within the row, from 0.
        column: usize,
        /// What stands there.
        value: f64,
    },

    /// A split that leaves one side without examples.
    #[error("a split of {rows} rows at {fraction} leaves one part without any; take a fraction between 0 and 1")]
    Split {
        /// Rows of the data set.
        rows: usize,
        /// The share asked for the first part.
        fraction: f64,
    },

    /// The file does not exist.
    #[error("{}: no such file{hint}", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
        /// What else was looked for; may be empty.
        hint: String,
    },

    /// The operating system refuses to read the file.
    #[error("{}: cannot be read: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// The file is compressed in a way that this program was built without.
    #[error(
        "{}: it is {packing}, and this program was built without the feature `{feature}` of `elbo`, which reads that; \
         enable it or unpack the file",
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

    /// The file begins as gzip does, but its compressed data are damaged or cut off.
    #[error(
        "{}: its gzip data break off or are damaged after {at} unpacked bytes, at byte {packed} of the file ({source}); \
         fetch the file again",
        file.display()
    )]
    Gzip {
        /// The file.
        file: PathBuf,
        /// How many bytes could be unpacked.
        at: u64,
        /// How many bytes of the file were read until then.
        packed: u64,
        /// What the decoder says.
        source: io::Error,
    },

    /// The file does not begin as an IDX file does.
    #[error(
        "{}: no IDX file: it begins with the bytes {found:02x?} where IDX has 00 00, the element type \
         and the number of axes; is it the right file?",
        file.display()
    )]
    NotIdx {
        /// The file.
        file: PathBuf,
        /// Its first four bytes.
        found: [u8; 4],
    },

    /// An IDX file of something else than unsigned bytes.
    #[error(
        "{}: byte 2: elements of type 0x{found:02x} ({}), expected 0x08 (unsigned bytes)",
        file.display(), idx_type(*found)
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
        /// What the file says.
        found: usize,
    },

    /// The file ends before the data that its header announces.
    #[error("{}: ends after {found} bytes{}, expected {expected}; fetch the file again", file.display(), for_shape(shape))]
    Truncated {
        /// The file.
        file: PathBuf,
        /// The axes its header announces; none where the header itself is cut.
        shape: Vec<usize>,
        /// Bytes, unpacked, that a whole file would have.
        expected: u64,
        /// Bytes, unpacked, that are there.
        found: u64,
    },

    /// The file goes on after the data that its header announces.
    #[error(
        "{}: goes on after the {expected} bytes{} that its header announces; fetch the file again",
        file.display(), for_shape(shape)
    )]
    Oversized {
        /// The file.
        file: PathBuf,
        /// The axes its header announces.
        shape: Vec<usize>,
        /// Bytes, unpacked, that it should have.
        expected: u64,
    },

    /// The header announces more than a file of this size can hold.
    #[error(
        "{}: its header announces {shape:?} elements, but a file of this size cannot unpack to more than {most} bytes; \
         fetch the file again",
        file.display()
    )]
    Impossible {
        /// The file.
        file: PathBuf,
        /// The axes its header announces.
        shape: Vec<usize>,
        /// The most bytes that the file can unpack to.
        most: u64,
    },

    /// A file that would take much more memory than its size suggests.
    #[error(
        "{}: its {shape:?} elements take {needed} bytes of memory, but at most {limit} are allowed (16 times the file's \
         size and 1 MiB, unless you set another limit); if you trust the file, allow more with \
         `idx::Reader::default().with_limit({needed})`",
        file.display()
    )]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The axes its header announces.
        shape: Vec<usize>,
        /// Bytes of memory that it would take; of a pipe, that what has come so far takes.
        needed: u64,
        /// Bytes that are allowed.
        limit: u64,
    },

    /// Far more text than the table has.
    #[error(
        "{}: unpacks to more than {limit} bytes, which would take more memory than 16 times the file's size and 1 MiB; \
         is it the right file?",
        file.display()
    )]
    TooLong {
        /// The file.
        file: PathBuf,
        /// The most bytes that were accepted.
        limit: u64,
    },

    /// A label that is no class.
    #[error(
        "{}: row {row} (from 0): label {label} is none of the {classes} classes, 0 to {}",
        file.display(), classes.saturating_sub(1)
    )]
    Label {
        /// The file.
        file: PathBuf,
        /// The row, from 0.
        row: usize,
        /// What stands there.
        label: usize,
        /// The number of classes.
        classes: usize,
    },

    /// A file of images and one of labels that do not belong together.
    #[error(
        "{} holds {images} images, but {} holds {labels} labels; are both from the same set?",
        images_file.display(), labels_file.display()
    )]
    CountsDiffer {
        /// The file of images.
        images_file: PathBuf,
        /// How many it holds.
        images: usize,
        /// The file of labels.
        labels_file: PathBuf,
        /// How many it holds.
        labels: usize,
    },

    /// A line of a table that is not as expected.
    #[error("{}, line {line}: expected {expected}, found {found}", file.display())]
    Table {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
}

crate::engine::debug_as_display!(DataError);

/// What an IDX element code stands for.
fn idx_type(code: u8) -> &'static str {
    match code {
        0x08 => "unsigned bytes",
        0x09 => "signed bytes",
        0x0b => "16-bit integers",
        0x0c => "32-bit integers",
        0x0d => "32-bit floats",
        0x0e => "64-bit floats",
        _ => "unknown to IDX",
    }
}

fn for_shape(shape: &[usize]) -> String {
    if shape.is_empty() { String::new() } else { format!(" of {shape:?} elements") }
}
