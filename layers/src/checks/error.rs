//! `CheckError`: why a check could not be made.

use thiserror::Error;

use crate::data::DataError;
use crate::infer::vi::TrainError;
use crate::weights::WeightsError;

/// Why a check could not be made. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum CheckError {
    /// An option is out of range, or the samples or the data are of a kind that the check cannot use.
    #[error("{0}")]
    Options(String),

    /// Simulated targets are not valid data.
    #[error(transparent)]
    Data(#[from] DataError),

    /// The targets are impossible under the likelihood.
    #[error(transparent)]
    Likelihood(#[from] TrainError),

    /// Weights cannot be drawn from their priors, or do not fit the model.
    #[error(transparent)]
    Weights(#[from] WeightsError),

    /// The inference failed on simulated data.
    #[error("the inference failed in simulation {simulation} (from 0): {message}")]
    Inference {
        /// The simulation, from 0.
        simulation: usize,
        /// What the inference says.
        message: String,
    },

    /// A quantity to rank is NaN.
    #[error("`{quantity}` is NaN in simulation {simulation} (from 0), {place}, so it has no rank")]
    NotANumber {
        /// The simulation, from 0.
        simulation: usize,
        /// An element of a weight, `name[index]`, or `log likelihood`.
        quantity: String,
        /// Where: at the true weights, or in a draw of the inference.
        place: String,
    },

    /// The inference returned another number of draws than in the first simulation.
    #[error(
        "the inference returned {found} draws in simulation {simulation} (from 0), but {expected} in the first one; ranks can \
         only be compared among equally many draws"
    )]
    Draws {
        /// The simulation, from 0.
        simulation: usize,
        /// The number of draws there.
        found: usize,
        /// The number in the first simulation.
        expected: usize,
    },

    /// The density of a weight's posterior family is unknown.
    #[error(
        "the density of the posterior `{family}` of the weight `{name}` is unknown, so its draws have no importance weights; \
         implement `Posterior::log_density_of_draw` for a family of your own"
    )]
    UnknownDensity {
        /// The weight's name.
        name: String,
        /// Its posterior family.
        family: &'static str,
    },
}

crate::engine::debug_as_display!(CheckError);
