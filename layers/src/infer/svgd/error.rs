//! `SvgdError`: why particles could not start or stopped.

use thiserror::Error;

use crate::infer::vi::TrainError;
use crate::weights::WeightsError;

/// Why Stein variational gradient descent could not start or stopped. `Debug` prints the same text as `Display`,
/// because `main` prints `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum SvgdError {
    /// An option is out of range.
    #[error("{0}")]
    Options(String),

    /// The model, the likelihood and the data do not fit, or the learning-rate schedule is too short.
    #[error(transparent)]
    Model(#[from] TrainError),

    /// Weights to start from do not fit the model, or a particle's weights left the range of the scalar type.
    #[error(transparent)]
    Weights(#[from] WeightsError),

    /// The log density is not finite where a particle starts.
    #[error(
        "particle {particle} (from 0) cannot start: the {term} is {value} at its first weights. Start from the weights of a \
         trained model (`start_from`), or check the data and the priors"
    )]
    Start {
        /// The particle, from 0.
        particle: usize,
        /// The term that is not finite: the likelihood, a weight's prior, or the gradient of a weight.
        term: String,
        /// Its value.
        value: f64,
    },

    /// The log density, its gradient or the position of a particle is not finite at a step.
    #[error(
        "particle {particle} (from 0) stopped at step {step} (epoch {epoch}): the {term} is {value}. Take a smaller \
         `learning_rate`, or start from the weights of a trained model (`start_from`)"
    )]
    NotFinite {
        /// The particle, from 0.
        particle: usize,
        /// The step, from 0.
        step: usize,
        /// The epoch, from 1.
        epoch: usize,
        /// The term that is not finite: the likelihood, a weight's prior, the gradient of a weight, or a weight.
        term: String,
        /// Its value.
        value: f64,
    },
}

crate::engine::debug_as_display!(SvgdError);
