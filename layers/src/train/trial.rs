//! Forwards that are tried before the first step, at every size of batch that will occur.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use crate::engine::threads::alone;
use crate::train::TrainError;

/// The batches of some examples.
pub(super) struct Batches {
    /// What the examples are for.
    pub(super) examples: &'static str,
    /// How many there are.
    pub(super) len: usize,
    /// The rows of a batch.
    pub(super) size: usize,
    /// Whether this thread may be given tasks that are not ours while it waits for others.
    pub(super) shared: bool,
}

impl Batches {
    /// Runs `forward`, which takes a number of rows, once for each size of batch.
    ///
    /// A panic is about the size of the batch if `forward` takes another number of rows; that is an error here. Other
    /// panics are passed on.
    pub(super) fn check(&self, forward: impl Fn(usize) -> Result<(), TrainError>) -> Result<(), TrainError> {
        let count = self.len.div_ceil(self.size);
        let (full, rest) = (self.size.min(self.len), self.len % self.size);
        let last = (count > 1 && rest > 0).then_some((count, rest));
        for (batch, rows) in [Some((1, full)), last].into_iter().flatten() {
            match self.catch(|| forward(rows)) {
                Ok(result) => result?,
                // The rows of the last batch are the first of the full one, which was taken.
                Err(refusal) if rows < full || self.catch(|| forward(full + 1)).is_ok() => {
                    let Refusal { message, place } = refusal;
                    return Err(TrainError::Batch {
                        examples: self.examples,
                        batch,
                        batches: count,
                        rows,
                        place,
                        message,
                    });
                }
                // Again, so that the panic is seen as if nothing had caught it.
                Err(_) => forward(rows)?,
            }
        }
        Ok(())
    }

    fn catch<R>(&self, work: impl FnOnce() -> R) -> Result<R, Refusal> {
        // Operations on this thread alone do not wait, so no panic of somebody else's task is taken for one of `work`.
        if self.shared { catch(|| alone(work)) } else { catch(work) }
    }
}

/// A panic that was caught.
struct Refusal {
    message: String,
    /// File, line and column. None if another hook than ours heard of the panic.
    place: Option<String>,
}

thread_local! {
    /// Whether panics of this thread are caught and not printed.
    static IS_CATCHING: Cell<bool> = const { Cell::new(false) };

    /// The place of the last panic that was not printed.
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// What `work` returns, or the panic that ended it. A panic of this thread is not printed meanwhile.
fn catch<R>(work: impl FnOnce() -> R) -> Result<R, Refusal> {
    static HOOK: Once = Once::new();
    if cfg!(panic = "abort") {
        // Nothing can be caught, and what is said last must be printed.
        return Ok(work());
    }
    // A thread that is unwinding may not change the hook.
    if !std::thread::panicking() {
        HOOK.call_once(listen);
    }
    PLACE.take();
    let before = IS_CATCHING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    IS_CATCHING.set(before);
    result.map_err(|panic| Refusal { message: message(&*panic), place: PLACE.take() })
}

/// Puts a hook in place that notes the places of panics that are caught, and passes all others on to the hook before it.
fn listen() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        if IS_CATCHING.get() {
            PLACE.set(info.location().map(ToString::to_string));
        } else {
            before(info);
        }
    }));
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
