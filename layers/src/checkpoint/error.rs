//! `CheckpointError`: why a saved model or training cannot be read or written.

use std::path::PathBuf;

use thiserror::Error;

use crate::checkpoint::Differences;
use crate::engine::io::FileError;

/// Why a saved model or training cannot be read or written. `Debug` prints the same text as `Display`, because `main` prints
/// `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be read or written, or is not a whole safetensors file, or a checksum shows that it is damaged.
    #[error(transparent)]
    File(#[from] FileError),

    /// The file was not written by elbo, or holds something else.
    #[error("{}: {problem}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What is missing or wrong.
        problem: String,
    },

    /// The file was written by a later version.
    #[error(
        "{}: its format has version {found}, and this version of elbo reads up to version {known}. It was written by elbo \
         {written_by}: update elbo", file.display()
    )]
    Later {
        /// The file.
        file: PathBuf,
        /// The version of its format.
        found: u32,
        /// The latest version that can be read.
        known: u32,
        /// The version of the library that has written it.
        written_by: String,
    },

    /// The file's tensors are not those of the model.
    #[error("{}: saved from `{saved}`, but its tensors are not those of this model. Nothing was loaded\n{differences}", file.display())]
    Model {
        /// The file.
        file: PathBuf,
        /// The type of the model that was saved.
        saved: String,
        /// All differences.
        differences: Box<Differences>,
    },

    /// A pattern matches no tensor of the model, or none of the file.
    #[error("{}: `{pattern}` matches no {of}; the nearest names are {nearest}", file.display())]
    Pattern {
        /// The file.
        file: PathBuf,
        /// The pattern.
        pattern: String,
        /// What it was compared with.
        of: &'static str,
        /// Names that are near.
        nearest: String,
    },
}

crate::engine::debug_as_display!(CheckpointError);
