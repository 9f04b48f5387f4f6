//! Tensors in files: NumPy's `.npy` and `.npz`, and safetensors.
//!
//! A file is read whole, checked, and turned into tensors of the number type that is asked for:
//!
//! - Floating-point numbers (of 16, 32 or 64 bits, bfloat16 too) are rounded to the nearest value; one that is finite in
//!   the file and too large for the type is an error.
//! - Integers and booleans (0 and 1) must be exact in the type; one that is not is an error that says which.
//! - Anything else (complex numbers, text, objects) is an error.
//!
//! Every mistake in a file is a [`FileError`]: which file, which array in it, which byte, what was expected and what was
//! found. Nothing is allocated because a header says so: whatever is in a file, reading a tensor from it takes at most
//! [`EXPANSION`] times the file's size and [`ALLOWANCE`] bytes of memory, the file's own bytes and the tensor included. A
//! tensor that needs more, as a large array of zeros in a compressed file does, is an error, and `npz::Npz::with_limit` allows
//! more. The time is linear in the file's size and the tensor's.
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
//! `npz` and `safetensors` are there with the crate's feature `files`, and deflated arrays with `gzip`; both are on by default.

mod element;
mod error;
#[cfg(feature = "ndarray")]
mod ndarray;
pub mod npy;
#[cfg(feature = "files")]
pub mod npz;
#[cfg(feature = "files")]
pub mod safetensors;

use std::path::Path;

pub use error::{FileError, Place};

/// How many bytes of memory a reader takes at most for one byte of the file, beside [`ALLOWANCE`], unless a limit says
/// otherwise. Every reader keeps to it, those of data sets too.
pub const EXPANSION: u64 = 16;

/// What a reader may take beside [`EXPANSION`] times the file: 1 MiB, for small files and for a decoder's own memory.
pub const ALLOWANCE: u64 = 1 << 20;

/// The most bytes of memory that a reader takes for a file of this size, unless a limit says otherwise: [`EXPANSION`]
/// times as many and [`ALLOWANCE`].
pub fn memory_limit(file_size: u64) -> u64 {
    EXPANSION.saturating_mul(file_size).saturating_add(ALLOWANCE)
}

/// The whole file.
fn read_file(file: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(file).map_err(|source| FileError::Read { file: file.to_owned(), source })
}

fn write_file(file: &Path, bytes: &[u8]) -> Result<(), FileError> {
    std::fs::write(file, bytes).map_err(|source| FileError::Write { file: file.to_owned(), source })
}

/// The number of elements of an array of this shape, if memory could address it. As in NumPy, the axes of an empty array
/// must be addressable too: 0 × 2⁶³ elements are as wrong as 1 × 2⁶³, in any order.
fn elements(shape: &[usize]) -> Option<usize> {
    const WIDEST: usize = size_of::<f64>();
    let lengths = shape.iter().filter(|&&length| length > 0);
    let bytes = lengths.clone().try_fold(WIDEST, |product, &length| product.checked_mul(length))?;
    isize::try_from(bytes).ok()?;
    Some(if lengths.count() < shape.len() { 0 } else { bytes / WIDEST })
}

/// A shape from a file as a message shows it: not more than its first axes.
fn shown(shape: &[usize]) -> String {
    const SHOWN: usize = 8;
    match shape.get(..SHOWN) {
        Some(first) if shape.len() > SHOWN => format!("{first:?} … ({} axes)", shape.len()),
        _ => format!("{shape:?}"),
    }
}

/// Places in the order of names, to look names up in.
#[cfg(feature = "files")]
struct Names(Vec<usize>);

#[cfg(feature = "files")]
impl Names {
    /// The name of place `i` is `name(i)`. A name that stands at two places is the error: the later of the two places.
    fn new<'a>(count: usize, name: impl Fn(usize) -> &'a str) -> Result<Names, usize> {
        let mut places: Vec<usize> = (0..count).collect();
        places.sort_unstable_by_key(|&place| (name(place), place));
        match places.windows(2).find(|pair| name(pair[0]) == name(pair[1])) {
            Some(pair) => Err(pair[1]),
            None => Ok(Names(places)),
        }
    }

    /// The place of `wanted`.
    fn find<'a>(&self, wanted: &str, name: impl Fn(usize) -> &'a str) -> Option<usize> {
        self.0.binary_search_by_key(&wanted, |&place| name(place)).ok().map(|i| self.0[i])
    }
}

/// Text from a file as a message shows it: not more than a line of it.
fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 48;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
    if bytes.len() > SHOWN { format!("{text:?} …") } else { format!("{text:?}") }
}
