//! Catches expected panics, with their messages and locations.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, Location, PanicHookInfo, catch_unwind};
use std::sync::Once;

thread_local! {
    static SEEN: RefCell<Option<Panic>> = const { RefCell::new(None) };
    /// Whether a test currently expects a panic.
    static LOOKING: RefCell<bool> = const { RefCell::new(false) };
}

/// The message and location of a panic.
pub(crate) struct Panic {
    pub(crate) message: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

/// The result of `work`, or its panic.
pub(crate) fn outcome<R>(work: impl FnOnce() -> R) -> Result<R, Panic> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            if !LOOKING.with(|looking| *looking.borrow()) {
                return usual(info);
            }
            let location = info.location().unwrap();
            let message = info.payload_as_str().unwrap_or_default().to_owned();
            SEEN.set(Some(Panic { message, file: location.file().to_owned(), line: location.line() }));
        }));
    });
    LOOKING.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    LOOKING.set(false);
    // A panic of another thread, whose location is unknown.
    let elsewhere = |payload: Box<dyn Any + Send>| {
        let message = payload.downcast_ref().map(|message: &String| message.to_owned()).unwrap_or_default();
        Panic { message, file: String::new(), line: 0 }
    };
    outcome.map_err(|payload| SEEN.take().unwrap_or_else(|| elsewhere(payload)))
}

/// Asserts that `mistake` panics at the caller's line, with a message that contains all these `words`.
#[track_caller]
pub(crate) fn panics<R>(words: &[&str], mistake: impl FnOnce() -> R) {
    let Err(Panic { message, file, line }) = outcome(mistake) else { panic!("no panic with {words:?}") };
    for word in words {
        assert!(message.contains(word), "`{message}` does not contain `{word}`");
    }
    let here = Location::caller();
    assert_eq!((&file[..], line), (here.file(), here.line()), "`{message}` is not reported at the caller's line");
}
