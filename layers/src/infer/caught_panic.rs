//! Turns panics of a model's forward into errors: a trial of every batch size before training, and each step.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use crate::engine::threads::alone;
use crate::infer::vi::TrainError;

/// The batches of a data set, for a trial of the forward.
pub(in crate::infer) struct Batches<'a> {
    /// Which data set, as error messages name it.
    pub(in crate::infer) examples: &'static str,
    /// The shape of its inputs, (examples, ..).
    pub(in crate::infer) inputs: &'a [usize],
    /// The batch size.
    pub(in crate::infer) size: usize,
    /// Whether this thread may run other tasks of a shared rayon pool while it waits.
    pub(in crate::infer) shared: bool,
}

impl Batches<'_> {
    /// Runs `forward`, which takes a number of rows, once for each batch size that occurs: the full one and that of the
    /// last batch.
    ///
    /// # Errors
    /// The error of `forward`; [`TrainError::Batch`] if it panics for one batch size and accepts another, and
    /// [`TrainError::Forward`] if it panics otherwise.
    pub(in crate::infer) fn check(&self, forward: impl Fn(usize) -> Result<(), TrainError>) -> Result<(), TrainError> {
        let len = self.inputs[0];
        let batches = len.div_ceil(self.size);
        let (full, rest) = (self.size.min(len), len % self.size);
        let last = (batches > 1 && rest > 0).then_some((batches, rest));
        for (batch, rows) in [Some((1, full)), last].into_iter().flatten() {
            let caught = match self.catch(|| forward(rows)) {
                Ok(result) => {
                    result?;
                    continue;
                }
                Err(caught) => caught,
            };
            // The full batch, which was accepted, starts with the rows of the last one, so the size must be the reason.
            let is_for_its_size = rows < full || self.catch(|| forward(full + 1)).is_ok();
            if !is_for_its_size {
                return Err(self.forward_error(batch, rows, caught));
            }
            let (examples, CaughtPanic { message, place }) = (self.examples, caught);
            return Err(TrainError::Batch { examples, batch, batches, rows, place, message });
        }
        Ok(())
    }

    /// The error for a panic in batch `batch` (from 1), of `rows` rows, that is not due to its size.
    pub(in crate::infer) fn forward_error(&self, batch: usize, rows: usize, caught: CaughtPanic) -> TrainError {
        let mut inputs = self.inputs.to_vec();
        let batches = inputs[0].div_ceil(self.size);
        inputs[0] = rows;
        let (examples, CaughtPanic { message, place }) = (self.examples, caught);
        TrainError::Forward { examples, batch, batches, inputs, place, message }
    }

    fn catch<R>(&self, work: impl FnOnce() -> R) -> Result<R, CaughtPanic> {
        catch_alone(self.shared, work)
    }
}

/// Runs `work`, without printing its panic. If the threads are `shared` with other tasks, it runs on this thread alone, which
/// then never waits, so that a panic of another task is not taken for one of `work`.
pub(in crate::infer) fn catch_alone<R>(shared: bool, work: impl FnOnce() -> R) -> Result<R, CaughtPanic> {
    if shared { catch(|| alone(work)) } else { catch(work) }
}

/// A panic that was caught.
pub(in crate::infer) struct CaughtPanic {
    pub(in crate::infer) message: String,
    /// File, line and column. None if another panic hook is installed, or another thread panicked.
    pub(in crate::infer) place: Option<String>,
}

impl CaughtPanic {
    fn of(panic: &(dyn Any + Send), place: Option<String>) -> Self {
        CaughtPanic { message: message(panic), place }
    }
}

/// Runs a step on the current threads and catches its panic. If the threads are `shared` with other tasks, the panic is
/// also printed, since it may be another task's.
pub(in crate::infer) fn catch_step<R>(shared: bool, step: impl FnOnce() -> R) -> Result<R, CaughtPanic> {
    if shared {
        panic::catch_unwind(AssertUnwindSafe(step)).map_err(|panic| CaughtPanic::of(&*panic, None))
    } else {
        catch(step)
    }
}

thread_local! {
    /// Whether panics of this thread are being caught, and therefore not printed.
    static IS_CATCHING: Cell<bool> = const { Cell::new(false) };

    /// The location of the last panic that was not printed.
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Runs `work` and catches its panic, without printing panics of this thread.
fn catch<R>(work: impl FnOnce() -> R) -> Result<R, CaughtPanic> {
    static HOOK: Once = Once::new();
    if cfg!(panic = "abort") {
        // Panics cannot be caught, so the message must be printed.
        return Ok(work());
    }
    // The hook cannot be changed while the thread is unwinding.
    if !std::thread::panicking() {
        HOOK.call_once(install_hook);
    }
    PLACE.take();
    let before = IS_CATCHING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    IS_CATCHING.set(before);
    result.map_err(|panic| CaughtPanic::of(&*panic, PLACE.take()))
}

/// Installs a panic hook that records the locations of caught panics and passes all others to the previous hook.
fn install_hook() {
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
