//! `PyTorchError`: why a network of PyTorch cannot be loaded or saved.

use std::path::PathBuf;

use thiserror::Error;

use crate::checkpoint::Differences;
use crate::engine::io::FileError;
use crate::weights::WeightsError;

/// Why a network of PyTorch cannot be loaded or saved. `Debug` prints the same text as `Display`, because `main` prints
/// `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum PyTorchError {
    /// The file cannot be read or written, or is not a whole safetensors file.
    #[error(transparent)]
    File(#[from] FileError),

    /// The file's tensors are not those of the model.
    #[error(
        "{}: its tensors are not those of the model. Nothing was loaded; `rename` and `keep` change what is expected\n\
         {differences}{}", file.display(), hint(transposed)
    )]
    Model {
        /// The file.
        file: PathBuf,
        /// All differences, by the names in the file.
        differences: Box<Differences>,
        /// Weights of the model whose matrices would fit if they were transposed.
        transposed: Vec<String>,
    },

    /// An option names nothing in the model.
    #[error("`{option}`: `{name}` is nothing in the model; the nearest names are {nearest}")]
    Name {
        /// The option.
        option: &'static str,
        /// The name or the pattern.
        name: String,
        /// Names that are near.
        nearest: String,
    },

    /// The posterior of a weight has another form than what should be set.
    #[error(
        "the {what} of `{weight}` cannot be set, because its posterior is `{family}`. Nothing was loaded; {remedy}"
    )]
    Family {
        /// What should be set.
        what: &'static str,
        /// The weight.
        weight: String,
        /// Its posterior family.
        family: String,
        /// What to do.
        remedy: &'static str,
    },

    /// A value is outside of its weight's support.
    #[error(transparent)]
    Weights(#[from] WeightsError),

    /// Two tensors would be saved under one name.
    #[error("`{first}` and `{second}` would both be saved as `{name}`; give one of them another name with `rename`")]
    Twice {
        /// The name in the file.
        name: String,
        /// The first one's name in the model.
        first: String,
        /// The second one's.
        second: String,
    },
}

crate::engine::debug_as_display!(PyTorchError);

fn hint(transposed: &[String]) -> String {
    if transposed.is_empty() {
        return String::new();
    }
    format!("\n  these would fit transposed: {}; `transposed` names such weights", transposed.join(", "))
}
