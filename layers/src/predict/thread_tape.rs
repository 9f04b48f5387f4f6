//! A tape that a thread keeps from prediction to prediction, so that requests to a service do not allocate it anew.

use std::any::Any;
use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use crate::engine::{Real, Tape};

/// Bytes up to which a tape is kept.
const MOST: usize = 1 << 22;

thread_local! {
    /// One tape, of one number type.
    static KEPT: Cell<Option<Box<dyn Any>>> = const { Cell::new(None) };
}

/// An empty tape that does not record: the thread's, if it has one of this number type that nothing uses. It is the thread's
/// again when this is dropped.
pub(super) struct ThreadTape<T: Real>(Option<Box<Tape<T>>>);

impl<T: Real> ThreadTape<T> {
    pub(super) fn take() -> Self {
        // A thread that ends keeps nothing.
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
        self.0.as_ref().expect("it is given back in `drop` alone")
    }
}

impl<T: Real> DerefMut for ThreadTape<T> {
    fn deref_mut(&mut self) -> &mut Tape<T> {
        self.0.as_mut().expect("it is given back in `drop` alone")
    }
}
