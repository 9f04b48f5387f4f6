//! Computes the items of an iterator ahead in a thread, such as the batches of a training loop.

use std::any::Any;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// The items of an iterator, computed ahead in a thread: see [`prefetch`].
pub struct Prefetched<'scope, I: Iterator> {
    source: Source<'scope, I>,
}

enum Source<'scope, I: Iterator> {
    /// The thread, with the channel on which it sends items.
    Thread(Receiver<I::Item>, Option<ScopedJoinHandle<'scope, ()>>),
    /// The iterator itself, where no thread can be started.
    Here(I),
}

/// Computes the items of `items` in a thread, at most `ahead` items before they are used. Items and their order are the same
/// as without. A panic in the thread is raised in the caller when it asks for the item that could not be computed; items
/// that are a `Result` pass errors on as they are. When the result is dropped, the thread ends after its current item. Where
/// no thread can be started, such as on WebAssembly, the items are computed when they are asked for.
///
/// ```
/// use elbo::data::prefetch;
/// # use elbo::prelude::*;
/// # let data: Examples = Examples::new(Tensor::from_fn([10, 2], |i| i as f64), (0..10).collect())?;
/// std::thread::scope(|scope| {
///     for (x, y) in prefetch(scope, data.batches(4, Key::new(1).step(0)), 2) {
///         // one step, while the next batches are gathered
/// #       assert_eq!(x.shape()[0], y.len());
///     }
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If `ahead` is 0.
#[track_caller]
pub fn prefetch<'scope, 'env, I>(
    scope: &'scope Scope<'scope, 'env>,
    items: I,
    ahead: usize,
) -> Prefetched<'scope, I::IntoIter>
where
    I: IntoIterator,
    I::IntoIter: Send + 'scope,
    I::Item: Send + 'scope,
{
    assert!(ahead > 0, "prefetch: at least one item must be computed ahead, got 0");
    let (sender, receiver) = sync_channel(ahead - 1);
    // Shared, so that the iterator is still here if the thread cannot be started.
    let shared = Arc::new(Mutex::new(Some(items.into_iter())));
    let work = {
        let shared = shared.clone();
        move || {
            let taken = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Sending fails once the consumer is gone.
            let _ = taken.into_iter().flatten().try_for_each(|item| sender.send(item));
        }
    };
    let source = match Builder::new().name("prefetch".to_owned()).spawn_scoped(scope, work) {
        Ok(thread) => Source::Thread(receiver, Some(thread)),
        Err(error) => match shared.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(items) => Source::Here(items),
            None => panic!("prefetch: the thread was not started, but took its work: {error}"),
        },
    };
    Prefetched { source }
}

impl<I: Iterator> Iterator for Prefetched<'_, I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        match &mut self.source {
            Source::Here(items) => items.next(),
            Source::Thread(receiver, thread) => match receiver.recv() {
                Ok(item) => Some(item),
                // The thread has ended: by itself or in a panic.
                Err(_) => {
                    let outcome: Result<(), Box<dyn Any + Send>> = thread.take().map_or(Ok(()), ScopedJoinHandle::join);
                    match outcome {
                        Ok(()) => None,
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::scope;

    use super::*;
    use crate::data::Examples;
    use crate::engine::{Key, Tensor};

    #[test]
    fn batches_are_the_same_as_without() {
        let data: Examples = Examples::new(Tensor::from_fn([50, 3], |i| (i as f64).sin()), (0..50).collect()).unwrap();
        let key = Key::new(3).step(1);
        let plain: Vec<_> = data.batches(7, key).collect();
        for ahead in [1, 2, 100] {
            scope(|scope| assert_eq!(prefetch(scope, data.batches(7, key), ahead).collect::<Vec<_>>(), plain));
        }
    }

    #[test]
    fn a_panic_reaches_the_consumer_after_the_items_before_it() {
        let items = || (0..5).map(|i| if i == 3 { panic!("item {i} is broken") } else { i });
        let mut seen = Vec::new();
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            scope(|scope| prefetch(scope, items(), 2).for_each(|item| seen.push(item)));
        }))
        .unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), "item 3 is broken");
        assert_eq!(seen, [0, 1, 2]);
    }

    #[test]
    fn an_early_end_stops_the_thread_and_no_more_than_asked_for_is_computed() {
        let computed = AtomicUsize::new(0);
        scope(|scope| {
            let items = (0..).inspect(|_| {
                computed.fetch_add(1, Ordering::SeqCst);
            });
            let mut items = prefetch(scope, items, 3);
            assert_eq!([items.next(), items.next()], [Some(0), Some(1)]);
        });
        // Two used, three ahead, and at most one that was under way.
        assert!(computed.load(Ordering::SeqCst) <= 6, "{computed:?}");
    }

    #[test]
    fn errors_are_items() {
        let items = [Ok(1), Err("gone"), Ok(2)];
        scope(|scope| assert_eq!(prefetch(scope, items, 1).collect::<Vec<_>>(), items));
    }
}
