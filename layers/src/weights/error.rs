//! What can be wrong with weights from outside.

use thiserror::Error;

use super::Space;
use crate::engine::io::FileError;

/// Why weights could not be set. `Debug` shows what `Display` does, because it is what `main` shows of an error.
#[derive(Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// A flat slice of another length.
    #[error("these weights have {expected} elements, and the slice has {found}")]
    Length {
        /// The elements of all weights.
        expected: usize,
        /// Those of the slice.
        found: usize,
    },

    /// A file with a tensor that the model has no weight for.
    #[error("the file has a tensor `{name}`, and the model has no random weight of that name")]
    Unknown {
        /// The tensor's name.
        name: String,
    },

    /// A tensor in a file has another shape than the weight.
    #[error("the weight `{name}` has the shape {expected:?}, and in the file {found:?}")]
    Shape {
        /// The weight's name.
        name: String,
        /// Its shape in the model.
        expected: Vec<usize>,
        /// Its shape in the file.
        found: Vec<usize>,
    },

    /// A value that a weight of this family cannot have.
    #[error("element {element} (from 0) of the weight `{name}` is {value}, and its posterior family is one of {space}")]
    Space {
        /// The weight's name.
        name: String,
        /// The element, from 0.
        element: usize,
        /// Its value.
        value: f64,
        /// Where the weight may be.
        space: Space,
    },

    /// There are no weights at all.
    #[error("no weights were given; at least one set of them is needed")]
    Empty,

    /// One of several sets of weights is of another model.
    #[error("set {index} (from 0) of the weights is of another model: {mistake}")]
    Model {
        /// The set, from 0.
        index: usize,
        /// What differs.
        mistake: String,
    },

    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

crate::engine::debug_as_display!(WeightsError);
