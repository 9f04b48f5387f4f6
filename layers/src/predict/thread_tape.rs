//! A thread-local inference tape, reused from prediction to prediction so that a service does not allocate per request.

use std::any::Any;
use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use crate::engine::{Real, Tape};

/// The most bytes a tape may hold to be kept.
const MOST: usize = 1 << 22;

thread_local! {
    /// The thread's tape, a `Box<Tape<T>>` of one scalar type.
    static KEPT: Cell<Option<Box<dyn Any>>> = const { Cell::new(None) };
}

/// An empty inference tape: the thread's, if it has a free one of this scalar type. Dropping this returns it to the
/// thread.
pub(super) struct ThreadTape<T: Real>(Option<Box<Tape<T>>>);

impl<T: Real> ThreadTape<T> {
    pub(super) fn take() -> Self {
        // During the thread's destruction there is no thread-local tape.
        let kept = KEPT.try_with(Cell::take).ok().flatten().and_then(|kept| kept.downcast().ok());
        ThreadTape(Some(kept.unwrap_or_else(|| Box::new(Tape::inference()))))
    }
}

impl<T: Real> Drop for ThreadTape<T> {
    fn drop(&mut self) {
        let Some(mut tape) = self.0.take().filter(|_| !std::thread::panicking()) else {
            return;
        };
        tape.reset();
        if tape.memory().held <= MOST {
            let _ = KEPT.try_with(|kept| kept.set(Some(tape)));
        }
    }
}

impl<T: Real> Deref for ThreadTape<T> {
    type Target = Tape<T>;

    fn deref(&self) -> &Tape<T> {
        self.0.as_ref().expect("only `drop` takes the tape")
    }
}

impl<T: Real> DerefMut for ThreadTape<T> {
    fn deref_mut(&mut self) -> &mut Tape<T> {
        self.0.as_mut().expect("only `drop` takes the tape")
    }
}
