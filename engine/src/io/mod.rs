//! Reads and writes tensors in NumPy's `.npy` and `.npz` files, and in safetensors files.
//!
//! A file is read as a whole, checked, and converted to tensors of the requested scalar type:
//!
//! - Floating-point numbers (16, 32 or 64 bits, and bfloat16) are rounded to the nearest value; a finite number that is
//!   too large for the type is an error.
//! - Integers and booleans (0 and 1) must be exact in the type; otherwise the error names the element.
//! - Anything else (complex numbers, text, objects) is an error.
//!
//! Every mistake in a file is a [`FileError`] with the file, the array, the byte offset, what was expected and what was
//! found. Sizes in a header are checked before memory is allocated: whatever a file contains, reading a tensor takes at
//! most [`EXPANSION`] times the file's size plus [`ALLOWANCE`] bytes of memory, including the file's own bytes and the
//! tensor. A tensor that needs more, such as a large array of zeros in a compressed file, is an error;
//! `npz::Npz::with_limit` raises the limit. The time is linear in the sizes of the file and the tensor.
//!
//! ```
//! use elbo_engine::{Tensor, io::npy};
//!
//! # fn main() -> Result<(), elbo_engine::io::FileError> {
//! let weights: Tensor = Tensor::from_fn([2, 3], |i| i as f64);
//! let bytes = npy::to_bytes(&weights);
//! assert_eq!(npy::from_bytes::<f32>("weights.npy", &bytes)?, weights);
//! # Ok(())
//! # }
//! ```
//!
//! `npz` and `safetensors` need the crate's feature `files`, and deflated arrays `gzip`; both are enabled by default.

mod element;
mod error;
#[cfg(feature = "ndarray")]
mod ndarray;
pub mod npy;
#[cfg(feature = "files")]
pub mod npz;
#[cfg(feature = "files")]
pub mod safetensors;
mod xxh64;

use std::path::Path;

pub use error::{FileError, Place};
pub use xxh64::xxh64;

/// The maximum number of bytes of memory that a reader takes per byte of the file, besides [`ALLOWANCE`], unless a
/// limit is set. All readers respect it, including those of data sets.
pub const EXPANSION: u64 = 16;

/// The memory that a reader may take besides [`EXPANSION`] times the file's size: 1 MiB, for small files and a
/// decoder's own memory.
pub const ALLOWANCE: u64 = 1 << 20;

/// The maximum memory in bytes that a reader takes for a file of this size, unless a limit is set: [`EXPANSION`] times
/// the size plus [`ALLOWANCE`].
pub fn memory_limit(file_size: u64) -> u64 {
    EXPANSION.saturating_mul(file_size).saturating_add(ALLOWANCE)
}

/// Reads the whole file.
fn read_file(file: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(file).map_err(|source| FileError::Read { file: file.to_owned(), source })
}

fn write_file(file: &Path, bytes: &[u8]) -> Result<(), FileError> {
    std::fs::write(file, bytes).map_err(|source| FileError::Write { file: file.to_owned(), source })
}

/// Writes a file in one step: under another name in the same folder, which is then renamed. When it returns, the file and its
/// name are on the disk. What is not a file, such as `/dev/stdout`, is written to, not replaced.
///
/// # Errors
/// If it cannot be written. The old file then stays.
pub fn replace_file(file: &Path, bytes: &[u8]) -> Result<(), FileError> {
    use std::io::Write;
    use std::sync::atomic::{AtomicU64, Ordering};
    let failed = |source| FileError::Write { file: file.to_owned(), source };
    if std::fs::metadata(file).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return write_file(file, bytes);
    }
    let Some(name) = file.file_name() else {
        return Err(failed(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "the path does not end in a file name",
        )));
    };
    // Of this call alone, so that threads that write the same file do not write into each other's part.
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let (process, call) = (std::process::id(), CALLS.fetch_add(1, Ordering::Relaxed));
    let part = file.with_file_name(format!(".{}.{process}.{call}.part", name.to_string_lossy()));
    let written = std::fs::File::create(&part)
        .and_then(|mut to| to.write_all(bytes).and_then(|()| to.sync_all()))
        .and_then(|()| std::fs::rename(&part, file))
        .and_then(|()| sync_folder(file));
    written.map_err(|source| {
        // What is left of it is of no use; the first error tells why.
        let _ = std::fs::remove_file(&part);
        failed(source)
    })
}

/// Waits until the names in the folder of `file` are on the disk.
#[cfg(unix)]
fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match std::fs::File::open(folder)?.sync_all() {
        // Some file systems cannot; the name is then there as soon as theirs are.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => Ok(()),
        done => done,
    }
}

/// Folders cannot be opened as files here.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// The number of elements of an array of this shape, if memory could address it. As in NumPy, the nonzero axes of an
/// empty array must be addressable too: 0 × 2⁶³ elements are an error like 1 × 2⁶³, in any order.
fn elements(shape: &[usize]) -> Option<usize> {
    const WIDEST: usize = size_of::<f64>();
    let lengths = shape.iter().filter(|&&length| length > 0);
    let bytes = lengths.clone().try_fold(WIDEST, |product, &length| product.checked_mul(length))?;
    isize::try_from(bytes).ok()?;
    Some(if lengths.count() < shape.len() { 0 } else { bytes / WIDEST })
}

/// A shape from a file for a message, limited to its first axes.
fn shown(shape: &[usize]) -> String {
    const SHOWN: usize = 8;
    match shape.get(..SHOWN) {
        Some(first) if shape.len() > SHOWN => format!("{first:?} … ({} axes)", shape.len()),
        _ => format!("{shape:?}"),
    }
}

/// An index of names: their positions sorted by name.
#[cfg(feature = "files")]
struct Names(Vec<usize>);

#[cfg(feature = "files")]
impl Names {
    /// Position `i` has the name `name(i)`. The error is the later position of a duplicate name.
    fn new<'a>(count: usize, name: impl Fn(usize) -> &'a str) -> Result<Names, usize> {
        let mut places: Vec<usize> = (0..count).collect();
        places.sort_unstable_by_key(|&place| (name(place), place));
        match places.windows(2).find(|pair| name(pair[0]) == name(pair[1])) {
            Some(pair) => Err(pair[1]),
            None => Ok(Names(places)),
        }
    }

    /// The position of `wanted`.
    fn find<'a>(&self, wanted: &str, name: impl Fn(usize) -> &'a str) -> Option<usize> {
        self.0.binary_search_by_key(&wanted, |&place| name(place)).ok().map(|i| self.0[i])
    }
}

/// Text from a file for a message, limited to about a line.
fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 48;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
    if bytes.len() > SHOWN { format!("{text:?} …") } else { format!("{text:?}") }
}
