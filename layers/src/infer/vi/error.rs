//! `TrainError`: why training could not start or stopped.

use thiserror::Error;

/// Why training could not start or stopped. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The loss or a gradient is infinite or NaN. The model holds the last parameters whose loss was finite; if the
    /// first step failed, those from before training.
    #[error(
        "training stopped at step {step} (epoch {epoch}): {what} is not finite; the first non-finite value is {place}. \
         The model keeps the parameters of the last good step, or its initial ones if there was none. Try a smaller \
         learning rate, and check the data there"
    )]
    NonFinite {
        /// The step, from 0.
        step: usize,
        /// The epoch, from 1.
        epoch: usize,
        /// "the loss" or "a gradient".
        what: &'static str,
        /// The first parameter or operation with a value that is not finite.
        place: String,
    },

    /// The inputs of the validation set have another shape than those of the training set.
    #[error(
        "each input of the validation set has shape {validation:?}, but the training set has {training:?}; prepare \
         both in the same way"
    )]
    Validation {
        /// An input's shape in the training set.
        training: Vec<usize>,
        /// An input's shape in the validation set.
        validation: Vec<usize>,
    },

    /// The learning-rate schedule ends before the epochs do.
    #[error(
        "the learning-rate schedule ends after {end} steps, but these epochs need {needed}; make the schedule longer, \
         or train for fewer epochs"
    )]
    Schedule {
        /// Steps of the schedule.
        end: usize,
        /// Steps needed until the end of the requested epochs.
        needed: usize,
    },

    /// The model's forward panics for a batch size that training needs, and accepts another size.
    #[error(
        "batch {batch} of {batches} of the {examples} has {rows} row(s), and the model's forward panicked{}: \
         {message}. Set another `.batch_size(..)`, or drop or add examples, so that no batch has this size",
        place.as_ref().map_or_else(String::new, |place| format!(" at {place}"))
    )]
    Batch {
        /// Which examples: the training set, the validation set or the evaluation set.
        examples: &'static str,
        /// The first batch of this size, from 1.
        batch: usize,
        /// The number of batches.
        batches: usize,
        /// The rows of this one.
        rows: usize,
        /// The file, line and column of the panic. `None` if the program has replaced the panic hook.
        place: Option<String>,
        /// The panic's message.
        message: String,
    },

    /// The draw of the model, its forward or the likelihood panics for batches of any size: for instance, the inputs
    /// have another width than the first layer, or a weight's posterior does not support the estimator. It is detected
    /// before the first step, unless it depends on the values of a batch. The model keeps the parameters of the last
    /// good step, or its initial ones.
    #[error(
        "batch {batch} of {batches} of the {examples}, with inputs of shape {inputs:?}, panicked{}: {message}. Check \
         that the model, its estimators and the likelihood fit the examples",
        place.as_ref().map_or_else(String::new, |place| format!(" at {place}"))
    )]
    Forward {
        /// Which examples: the training set, the validation set or the evaluation set.
        examples: &'static str,
        /// The batch, from 1.
        batch: usize,
        /// The number of batches.
        batches: usize,
        /// The shape of the batch's inputs.
        inputs: Vec<usize>,
        /// The file, line and column of the panic. `None` if the program has replaced the panic hook, or another thread
        /// panicked.
        place: Option<String>,
        /// The panic's message.
        message: String,
    },

    /// An option or the optimiser does not fit this training: a number is infinite or zero in the model's scalar type,
    /// an estimator names a weight that the model does not have, a custom function returns an invalid factor, early
    /// stopping monitors the validation NLL without a validation set, or the optimiser has trained another model.
    #[error("{0}")]
    Options(String),

    /// A checkpoint cannot be written or read, another process is training in its folder, or it is of another training: the text
    /// says which file, and what differs. The model keeps the parameters of the last good step, or its initial ones; earlier
    /// checkpoints stay as they are.
    #[error("{0}")]
    Checkpoint(String),

    /// The targets are impossible under the likelihood, whatever the model's outputs: a label is out of range, for
    /// instance.
    #[error("{0}")]
    Targets(String),
}

crate::engine::debug_as_display!(TrainError);
