//! `WeightsError`: why weights from a slice, a file or other models do not fit.

use thiserror::Error;

use super::Space;
use crate::engine::io::FileError;

/// Why weights do not fit a model. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// A flat slice has another length than the weights.
    #[error("these weights have {expected} elements, but the slice has {found}")]
    Length {
        /// The number of elements of all weights.
        expected: usize,
        /// The number of elements of the slice.
        found: usize,
    },

    /// A file has a tensor that is not a weight of the model.
    #[error("the file has a tensor `{name}`, but the model has no random weight of that name")]
    Unknown {
        /// The tensor's name.
        name: String,
    },

    /// A tensor in a file has another shape than the weight.
    #[error("the weight `{name}` has shape {expected:?}, but {found:?} in the file")]
    Shape {
        /// The weight's name.
        name: String,
        /// Its shape in the model.
        expected: Vec<usize>,
        /// Its shape in the file.
        found: Vec<usize>,
    },

    /// A value outside of the support of the weight's posterior family.
    #[error("element {element} (from 0) of the weight `{name}` is {value}, but its posterior family needs {space}")]
    Space {
        /// The weight's name.
        name: String,
        /// The element, from 0.
        element: usize,
        /// Its value.
        value: f64,
        /// The values that the weight may have.
        space: Space,
    },

    /// An empty list of weights.
    #[error("no weights were given; pass at least one set of weights")]
    Empty,

    /// One of several sets of weights does not fit the model.
    #[error("set {index} (from 0) of the weights is of another model: {mistake}")]
    Model {
        /// The set, from 0.
        index: usize,
        /// What differs.
        mistake: String,
    },

    /// The mean of a weight's posterior family is not a parameter, so it cannot be set.
    #[error(
        "the mean of the weight `{name}` cannot be set: it is not a parameter of its posterior family; set the parameters \
         of the family instead"
    )]
    Mean {
        /// The weight's name.
        name: String,
    },

    /// The prior of a weight cannot be drawn from.
    #[error(
        "the prior of the weight `{name}` cannot be drawn from: it is improper, or does not implement `sample`; give the \
         weight another prior, or implement `Prior::sample` (`DrawnPrior::sample_of` with hyperparameters)"
    )]
    Prior {
        /// The weight's name.
        name: String,
    },

    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

crate::engine::debug_as_display!(WeightsError);
