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
//! found. A header is never believed: nothing is allocated that the file does not hold, and at most [`EXPANSION`] times
//! the file's size where it is compressed, unless a limit says otherwise.
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

mod element;
mod error;
#[cfg(feature = "ndarray")]
mod ndarray;
pub mod npy;
pub mod npz;
pub mod safetensors;

use std::path::Path;

pub use error::{FileError, Place};

/// How many times larger than the file that holds it a tensor may become, unless a limit says otherwise.
pub const EXPANSION: u64 = 16;

/// The whole file.
fn read_file(file: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(file).map_err(|source| FileError::Read { file: file.to_owned(), source })
}

fn write_file(file: &Path, bytes: &[u8]) -> Result<(), FileError> {
    std::fs::write(file, bytes).map_err(|source| FileError::Write { file: file.to_owned(), source })
}

/// The number of elements of an array of this shape, if memory could address it.
fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &length| product.checked_mul(length))
}

/// Text from a file as a message shows it: not more than a line of it.
fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 48;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
    if bytes.len() > SHOWN { format!("{text:?} …") } else { format!("{text:?}") }
}
