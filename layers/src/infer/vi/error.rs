//! What can stop training.

use thiserror::Error;

/// Why training stopped or did not start. `Debug` shows what `Display` does, because it is what `main` shows of an error.
#[derive(Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The loss or a gradient is infinite or NaN. The model holds the last parameters whose loss was finite: where the
    /// first step of a training failed, those that it came with.
    #[error(
        "training stopped at step {step} (epoch {epoch}): {what} is not finite; it first appeared in {place}. \
         The model keeps the parameters of the last good step, or those it came with if there was none; try a smaller \
         learning rate, and look at the data there"
    )]
    NonFinite {
        /// The step, from 0.
        step: usize,
        /// The epoch, from 1.
        epoch: usize,
        /// The loss or the gradient.
        what: &'static str,
        /// The first parameter and operation where it appeared.
        place: String,
    },

    /// The examples to validate on have inputs of another shape than those to train on.
    #[error(
        "the examples to validate on have inputs of shape {validation:?} each, and those to train on {training:?}; both must \
         be made alike"
    )]
    Validation {
        /// An input's shape in the training set.
        training: Vec<usize>,
        /// An input's shape among the examples to validate on.
        validation: Vec<usize>,
    },

    /// The learning rate's schedule ends before the epochs do.
    #[error(
        "the learning rate's schedule ends after {end} steps, and these epochs go on to step {needed}; make it longer, or \
         train for fewer epochs"
    )]
    Schedule {
        /// Steps of the schedule.
        end: usize,
        /// Steps at the end of the epochs asked for.
        needed: usize,
    },

    /// The model's forward refuses batches of a size that training needs: it panics for these rows, and takes others.
    #[error(
        "batch {batch} of {batches} of the {examples} has {rows} row(s), which the model's forward refuses{}: \
         {message}. Ask for another `.batch_size(..)`, or drop or add examples, so that no batch has this size",
        place.as_ref().map_or_else(String::new, |place| format!(" at {place}"))
    )]
    Batch {
        /// What the examples are for.
        examples: &'static str,
        /// The first batch of this size, from 1.
        batch: usize,
        /// The number of batches.
        batches: usize,
        /// The rows of this one.
        rows: usize,
        /// The file, line and column of the panic. `None` if it could not be found out, because the program has changed
        /// the panic hook.
        place: Option<String>,
        /// The panic's message.
        message: String,
    },

    /// The draw of the model, its forward or the likelihood panics for a batch, whatever its size: inputs of another width
    /// than the first layer, say, or an estimator that a weight's posterior does not allow. It is found out before the first
    /// step, unless it depends on the batch's numbers. The model keeps the parameters of the last good step, or those that
    /// it came with.
    #[error(
        "batch {batch} of {batches} of the {examples}, with inputs of shape {inputs:?}, is refused{}: {message}. Compare the \
         model, its estimators and the likelihood with the examples",
        place.as_ref().map_or_else(String::new, |place| format!(" at {place}"))
    )]
    Forward {
        /// What the examples are for.
        examples: &'static str,
        /// The batch, from 1.
        batch: usize,
        /// The number of batches.
        batches: usize,
        /// The shape of the batch's inputs.
        inputs: Vec<usize>,
        /// The file, line and column of the panic. `None` if it could not be found out, because the program has changed
        /// the panic hook, or another thread panicked.
        place: Option<String>,
        /// The panic's message.
        message: String,
    },

    /// The options, or the optimiser, are not for this training: a number among them is infinite or zero in the model's
    /// number type, an estimator is set for what the model has not, a function of one's own gives no factor, a quantity
    /// of the validation is watched without one, or the optimiser has trained another model.
    #[error("{0}")]
    Options(String),

    /// The likelihood cannot explain the targets, whatever the model says.
    #[error("{0}")]
    Targets(String),
}

crate::engine::debug_as_display!(TrainError);
