//! Packs sequences of different lengths into one tensor with a mask, and reads the lengths from it.

use thiserror::Error;

use crate::engine::{Real, Tensor};

/// Why sequences cannot be packed. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SequenceError {
    /// There are no sequences.
    #[error("pack: no sequences; expected at least one")]
    Empty,

    /// A sequence is not a matrix of steps and channels.
    #[error("pack: row {row} (from 0) has the shape {shape:?}; expected (steps, channels)")]
    Axes {
        /// The row.
        row: usize,
        /// Its shape.
        shape: Vec<usize>,
    },

    /// A sequence has another number of channels than the first.
    #[error("pack: row {row} (from 0) has {found} channels, and the first row has {expected}; all need the same")]
    Channels {
        /// The row.
        row: usize,
        /// The channels of the first row.
        expected: usize,
        /// The channels of this row.
        found: usize,
    },

    /// A sequence without steps.
    #[error("pack: row {row} (from 0) has no steps; drop it, or give it a step that says so")]
    NoSteps {
        /// The row.
        row: usize,
    },

    /// A sequence is longer than the requested number of steps.
    #[error("pack_to: row {row} (from 0) has {found} steps, more than {steps}; cut it, or ask for more steps")]
    TooLong {
        /// The row.
        row: usize,
        /// The requested number of steps.
        steps: usize,
        /// The steps of this row.
        found: usize,
    },
}

crate::engine::debug_as_display!(SequenceError);

/// Packs sequences, (steps, channels) each, into one tensor (examples, steps, channels + 1) as long as the longest: padding
/// is 0, and the last channel is 1 for real steps and 0 for padding.
///
/// A training set and a validation set must have the same number of steps: see [`pack_to`]. Scale channels before they are
/// packed, so that the mask is not scaled.
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::sequence;
///
/// let rows: [Tensor; 2] = [Tensor::new([2, 1], [0.3, 0.5]), Tensor::new([1, 1], [0.7])];
/// let packed = sequence::pack(&rows)?;
/// assert_eq!(packed.shape(), [2, 2, 2]);
/// assert_eq!(packed.data(), [0.3, 1.0, 0.5, 1.0, 0.7, 1.0, 0.0, 0.0]);
/// assert_eq!(sequence::lengths(&packed), [2, 1]);
/// # Ok::<(), elbo::sequence::SequenceError>(())
/// ```
///
/// # Errors
/// [`SequenceError`], with the row.
pub fn pack<T: Real>(sequences: &[Tensor<T>]) -> Result<Tensor<T>, SequenceError> {
    let longest = sequences.iter().filter_map(|sequence| sequence.shape().first()).max();
    pack_to(longest.copied().unwrap_or(0), sequences)
}

/// [`pack`] with this number of steps.
///
/// # Errors
/// [`SequenceError`], with the row.
pub fn pack_to<T: Real>(steps: usize, sequences: &[Tensor<T>]) -> Result<Tensor<T>, SequenceError> {
    let Some(first) = sequences.first() else { return Err(SequenceError::Empty) };
    let channels = first.shape().get(1).copied().unwrap_or(0);
    for (row, sequence) in sequences.iter().enumerate() {
        match *sequence.shape() {
            [0, _] => return Err(SequenceError::NoSteps { row }),
            [_, found] if found != channels => {
                return Err(SequenceError::Channels { row, expected: channels, found });
            }
            [found, _] if found > steps => return Err(SequenceError::TooLong { row, steps, found }),
            [_, _] => {}
            ref other => return Err(SequenceError::Axes { row, shape: other.to_vec() }),
        }
    }
    let mut packed = Tensor::zeros([sequences.len(), steps, channels + 1]);
    let rows = packed.data_mut().chunks_exact_mut(steps * (channels + 1));
    for (row, sequence) in rows.zip(sequences) {
        for (step, places) in row.chunks_exact_mut(channels + 1).take(sequence.shape()[0]).enumerate() {
            places[..channels].copy_from_slice(&sequence.data()[step * channels..][..channels]);
            places[channels] = T::ONE;
        }
    }
    Ok(packed)
}

/// The lengths of packed sequences.
///
/// # Panics
/// If the tensor is not (examples, steps, channels + 1) with the mask of [`pack`] in its last channel.
#[track_caller]
pub fn lengths<T: Real>(packed: &Tensor<T>) -> Vec<usize> {
    lengths_in("lengths", packed.shape(), packed.data())
}

/// The lengths in a packed tensor with these elements; error messages call the function `name`.
#[track_caller]
pub(super) fn lengths_in<T: Real>(name: &str, shape: &[usize], packed: &[T]) -> Vec<usize> {
    let (&[examples, steps, width], true) = (shape, shape.last() != Some(&0)) else {
        panic!("{name}: packed sequences of shape {shape:?}; expected (examples, steps, channels + 1)");
    };
    let mut lengths = Vec::with_capacity(examples);
    for row in 0..examples {
        let mask = |step: usize| packed[(row * steps + step) * width + width - 1];
        let length = (0..steps).take_while(|&step| mask(step) == T::ONE).count();
        for step in length..steps {
            let number = mask(step);
            assert!(
                number == T::ZERO || number == T::ONE,
                "{name}: row {row}, step {step} (both from 0): the last channel is {number}; expected the mask of \
                 `sequence::pack`, 1 for real steps and 0 for padding. Scale channels before they are packed"
            );
            assert!(
                number == T::ZERO,
                "{name}: row {row}, step {step} (both from 0): the mask is 1 after the 0 at step {length}; expected 1 \
                 for the first steps of a row, and 0 for the padding after them"
            );
        }
        assert!(length > 0, "{name}: row {row} (from 0) has no real step: its mask is 0 everywhere; drop the row");
        lengths.push(length);
    }
    lengths
}
