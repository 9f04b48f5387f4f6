//! `McmcError`: why chains could not start or stopped.

use std::path::PathBuf;

use thiserror::Error;

use crate::engine::io::FileError;
use crate::infer::vi::TrainError;
use crate::weights::WeightsError;

/// Why chains could not start or stopped. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum McmcError {
    /// An option is out of range.
    #[error("{0}")]
    Options(String),

    /// The model, the likelihood and the data do not fit.
    #[error(transparent)]
    Model(#[from] TrainError),

    /// Weights to start from do not fit the model.
    #[error(transparent)]
    Weights(#[from] WeightsError),

    /// A chain failed on another rank.
    #[error("on rank {rank}: {message}")]
    Rank {
        /// The rank.
        rank: usize,
        /// Its error.
        message: String,
    },

    /// The log density is not finite where a chain starts.
    #[error(
        "chain {chain} (from 0) cannot start: the {term} is {value} at its first weights. Start from the weights of a trained \
         model (`start_from`), or check the data and the priors"
    )]
    Start {
        /// The chain, from 0.
        chain: usize,
        /// The term that is not finite: the likelihood, a weight's prior, or the gradient of a weight.
        term: String,
        /// Its value.
        value: f64,
    },

    /// The log density or its gradient is not finite at a step of a stochastic-gradient chain.
    #[error(
        "chain {chain} (from 0) stopped at step {step} of {steps}, warm-up included: the {term} is {value}. Take a smaller \
         `learning_rate`, or start from the weights of a trained model (`start_from`)"
    )]
    NotFinite {
        /// The chain, from 0.
        chain: usize,
        /// The step, from 0.
        step: usize,
        /// The steps that were asked for.
        steps: usize,
        /// The term that is not finite: the likelihood, a weight's prior, or the gradient of a weight.
        term: String,
        /// Its value.
        value: f64,
    },

    /// A weight of a draw of a stochastic-gradient chain left the range of the scalar type.
    #[error(
        "chain {chain} (from 0) stopped at step {step} of {steps}, warm-up included: element {element} (from 0) of the weight \
         `{weight}` left the range of {scalar}; its unconstrained value is {value:e}. Take a smaller `learning_rate`, start from the \
         weights of a trained model (`start_from`), or use a model in f64"
    )]
    Range {
        /// The chain, from 0.
        chain: usize,
        /// The step, from 0.
        step: usize,
        /// The steps that were asked for.
        steps: usize,
        /// The weight's name.
        weight: String,
        /// The element, from 0, row by row.
        element: usize,
        /// Its unconstrained value.
        value: f64,
        /// The scalar type.
        scalar: &'static str,
    },

    /// The draw of the model, its forward or the likelihood panicked at the weights of a chain.
    #[error(
        "chain {chain} (from 0) stopped after {transitions} transitions, warm-up included: the model's forward or the likelihood \
         panicked{}: {message}. Check that they accept all weights that the priors allow",
        place.as_ref().map_or_else(String::new, |place| format!(" at {place}"))
    )]
    Panicked {
        /// The chain, from 0.
        chain: usize,
        /// Transitions that were made; steps, of a stochastic-gradient chain.
        transitions: usize,
        /// The file, line and column of the panic. `None` if the program has replaced the panic hook, or another thread
        /// panicked.
        place: Option<String>,
        /// The panic's message.
        message: String,
    },

    /// No learning rate could be chosen.
    #[error(
        "chain {chain} (from 0) stopped at step {step}: no learning rate can be chosen, because the curvature of the log density \
         is zero or not finite there. Set `learning_rate`"
    )]
    LearningRate {
        /// The chain, from 0.
        chain: usize,
        /// The step, from 0.
        step: usize,
    },

    /// A chain does not move: all of its draws are equal, or its step size is almost 0.
    #[error(
        "chain {chain} (from 0) does not move: {draws} draws, step size {step_size:.1e}; {cause}. Check the model and the data, \
         start elsewhere (`start_from`), lengthen the warm-up, or use a model in f64"
    )]
    Stuck {
        /// The chain, from 0.
        chain: usize,
        /// Draws that were made.
        draws: usize,
        /// The step size after the warm-up, in standard deviations of the posterior.
        step_size: f64,
        /// The term that is not finite, or the weight in which the density is steepest.
        cause: String,
    },

    /// A file of chains cannot be read or written. Needs the feature `files`.
    #[cfg(feature = "files")]
    #[error(transparent)]
    Chains(#[from] crate::infer::chains::ChainsError),

    /// A checkpoint is not one of this run.
    #[error(
        "{}: the checkpoint is of another run: {mistake}. Choose another folder, or the options of that run", file.display()
    )]
    Checkpoint {
        /// The file of the chain's state.
        file: PathBuf,
        /// What differs.
        mistake: String,
    },

    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),

    /// The sampler could not go on.
    #[error("chain {chain} (from 0) stopped after {draws} of {all} transitions, warm-up included: {message}")]
    Stopped {
        /// The chain, from 0.
        chain: usize,
        /// Transitions that were made.
        draws: usize,
        /// Transitions that were asked for.
        all: usize,
        /// What the sampler says.
        message: String,
    },
}

crate::engine::debug_as_display!(McmcError);
