//! Forwards that panic: those tried before the first step, at every size of batch that will occur, and steps.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use crate::engine::threads::alone;
use crate::infer::vi::TrainError;

/// The batches of some examples.
pub(super) struct Batches<'a> {
    /// What the examples are for.
    pub(super) examples: &'static str,
    /// The shape of all their inputs.
    pub(super) inputs: &'a [usize],
    /// The rows of a batch.
    pub(super) size: usize,
    /// Whether this thread may be given tasks that are not ours while it waits for others.
    pub(super) shared: bool,
}

impl Batches<'_> {
    /// Runs `forward`, which takes a number of rows, once for each size of batch: all batches of one size have one shape.
    ///
    /// # Errors
    /// What `forward` returns; [`TrainError::Batch`] if it panics for the size of a batch and takes another number of rows,
    /// and [`TrainError::Forward`] if it panics otherwise.
    pub(super) fn check(&self, forward: impl Fn(usize) -> Result<(), TrainError>) -> Result<(), TrainError> {
        let len = self.inputs[0];
        let batches = len.div_ceil(self.size);
        let (full, rest) = (self.size.min(len), len % self.size);
        let last = (batches > 1 && rest > 0).then_some((batches, rest));
        for (batch, rows) in [Some((1, full)), last].into_iter().flatten() {
            let refusal = match self.catch(|| forward(rows)) {
                Ok(result) => {
                    result?;
                    continue;
                }
                Err(refusal) => refusal,
            };
            // The rows of the last batch are the first of the full one, which was taken.
            let is_for_its_size = rows < full || self.catch(|| forward(full + 1)).is_ok();
            if !is_for_its_size {
                return Err(self.refused(batch, rows, refusal));
            }
            let (examples, CaughtPanic { message, place }) = (self.examples, refusal);
            return Err(TrainError::Batch { examples, batch, batches, rows, place, message });
        }
        Ok(())
    }

    /// What is said of a batch of so many rows, by its number from 1, whatever its size has to do with it.
    pub(super) fn refused(&self, batch: usize, rows: usize, refusal: CaughtPanic) -> TrainError {
        let mut inputs = self.inputs.to_vec();
        let batches = inputs[0].div_ceil(self.size);
        inputs[0] = rows;
        let (examples, CaughtPanic { message, place }) = (self.examples, refusal);
        TrainError::Forward { examples, batch, batches, inputs, place, message }
    }

    fn catch<R>(&self, work: impl FnOnce() -> R) -> Result<R, CaughtPanic> {
        // Operations on this thread alone do not wait, so no panic of somebody else's task is taken for one of `work`.
        if self.shared { catch(|| alone(work)) } else { catch(work) }
    }
}

/// A panic that was caught.
pub(super) struct CaughtPanic {
    message: String,
    /// File, line and column. None if another hook than ours heard of the panic, or another thread panicked.
    place: Option<String>,
}

impl CaughtPanic {
    fn of(panic: &(dyn Any + Send), place: Option<String>) -> Self {
        CaughtPanic { message: message(panic), place }
    }
}

/// What a step returns, or the panic that ended it, with the threads that the step was given. If they are `shared` with
/// others' tasks, the panic is printed, too: another's might be.
pub(super) fn catch_step<R>(shared: bool, step: impl FnOnce() -> R) -> Result<R, CaughtPanic> {
    if shared {
        panic::catch_unwind(AssertUnwindSafe(step)).map_err(|panic| CaughtPanic::of(&*panic, None))
    } else {
        catch(step)
    }
}

thread_local! {
    /// Whether panics of this thread are caught and not printed.
    static IS_CATCHING: Cell<bool> = const { Cell::new(false) };

    /// The place of the last panic that was not printed.
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// What `work` returns, or the panic that ended it. A panic of this thread is not printed meanwhile.
fn catch<R>(work: impl FnOnce() -> R) -> Result<R, CaughtPanic> {
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
    result.map_err(|panic| CaughtPanic::of(&*panic, PLACE.take()))
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
