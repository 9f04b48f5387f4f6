//! `PruneError`: why weights could not be pruned.

use thiserror::Error;

use crate::weights::WeightsError;

/// Why weights could not be pruned. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum PruneError {
    /// An option is out of range, or a pattern matches no weight.
    #[error("{0}")]
    Options(String),

    /// The standard deviations of a weight's elements have no simple form in its posterior family.
    #[error(
        "the elements of the weight `{name}` depend on each other, so their standard deviations are not known; use \
         `SignalToNoise::of_samples` with draws of the posterior"
    )]
    Dependent {
        /// The weight's name.
        name: String,
    },

    /// There are too few draws for a standard deviation.
    #[error("a standard deviation over draws needs at least two of them, got {draws}")]
    Draws {
        /// Their number.
        draws: usize,
    },

    /// A mean or a standard deviation is NaN or infinite.
    #[error("element {element} (from 0) of the weight `{name}` has the mean {mean} and the standard deviation {sd}")]
    NotFinite {
        /// The weight's name.
        name: String,
        /// The element, from 0.
        element: usize,
        /// Its mean.
        mean: f64,
        /// Its standard deviation.
        sd: f64,
    },

    /// The posterior family of a weight cannot have elements that are 0 with certainty.
    #[error(
        "the posterior of the weight `{name}` has no mean and no scale for each element, so elements cannot be made 0 with certainty; prune \
         draws of it instead, by `Kept::draws`"
    )]
    Family {
        /// The weight's name.
        name: String,
    },

    /// The weights are of another model, or cannot be 0.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

crate::engine::debug_as_display!(PruneError);
