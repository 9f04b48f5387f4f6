//! Makes a `Tape` not `Sync`, with one clear compiler error instead of one per cell inside it.

use crate::{Real, Tape};

/// Never implemented.
#[diagnostic::on_unimplemented(
    message = "a tape and its variables cannot be shared between threads",
    label = "this is used by another thread",
    note = "make one tape per thread; return results as a number, `variable.item()`, or as a tensor, `variable.to_tensor()`"
)]
pub trait SharedBetweenThreads {}

// SAFETY: no type implements the trait, and none can: it has no name outside this crate. So no tape is `Sync`.
unsafe impl<T: Real + SharedBetweenThreads> Sync for Tape<T> {}
