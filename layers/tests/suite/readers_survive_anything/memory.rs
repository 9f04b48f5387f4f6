//! The memory that a reader may take.

use crate::own_process::peak;

/// The most bytes of memory per byte of the file.
pub(crate) const RATIO: usize = 16;

/// The memory of an error message, which does not depend on the file's size.
pub(crate) const MESSAGE: usize = 2048;

/// The memory a reader may take in addition: 1 MiB.
pub(crate) const ALLOWANCE: usize = 1 << 20;

/// The result of `work` on a file of `length` bytes, which must stay within a reader's memory limit.
#[track_caller]
pub(crate) fn bounded<R>(length: usize, work: impl FnOnce() -> R) -> R {
    let (result, peak) = peak(work);
    assert!(peak <= RATIO * length + ALLOWANCE, "{peak} bytes for a file of {length}");
    result
}
