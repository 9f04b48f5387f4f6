//! A tape is one thread's: said once, and in words, where rustc would say it of every cell in it.

use crate::{Real, Tape};

/// Implemented for nothing.
#[diagnostic::on_unimplemented(
    message = "a tape is one thread's, and so are its variables",
    label = "this is used by another thread",
    note = "each thread makes a tape of its own; what it computes leaves as a number, `variable.item()`, or as a tensor, `variable.to_tensor()`"
)]
pub trait SharedBetweenThreads {}

// SAFETY: no type implements the trait, and none can: it has no name outside this crate. So no tape is `Sync`.
unsafe impl<T: Real + SharedBetweenThreads> Sync for Tape<T> {}
