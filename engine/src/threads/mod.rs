//! Splits work over the threads of the current rayon pool.
//!
//! Only work that is large enough is split, and only so that the result has the same bits: elementwise work anywhere,
//! sums at positions that depend only on the length.

mod pool;
mod split;

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use pool::with_threads;
pub(crate) use split::Undivided;
pub use split::{Ragged, Rows, Split, for_each_part};

/// The number of elements below which elementwise work stays on one thread: waking another takes some microseconds, in
/// which one thread processes about this many.
pub const GRAIN: usize = 1 << 15;

/// Whether threads can be started. On WebAssembly without shared memory, all work runs on the calling thread.
const HAS_THREADS: bool = cfg!(any(not(target_family = "wasm"), target_feature = "atomics"));

/// The maximum number of nested waits for other threads on one stack. rayon gives a waiting thread other tasks of the
/// pool, each of which may be as large as a training that waits again. Work at a greater depth does not wait, which
/// bounds the stack. Operations within operations need two levels.
const MAX_WAITING: usize = 2;

thread_local! {
    /// The maximum number of threads for operations of this thread.
    static LIMIT: Cell<usize> = const { Cell::new(usize::MAX) };

    /// The number of nested waits on this thread's stack.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Sets a thread-local cell until it is dropped.
struct Set<T: Copy + 'static> {
    cell: &'static std::thread::LocalKey<Cell<T>>,
    before: T,
}

impl<T: Copy> Set<T> {
    fn new(cell: &'static std::thread::LocalKey<Cell<T>>, value: T) -> Self {
        Set { cell, before: cell.replace(value) }
    }
}

impl<T: Copy> Drop for Set<T> {
    fn drop(&mut self) {
        self.cell.set(self.before);
    }
}

/// The number of threads that work may use here: those of the current pool, at most the number set by [`with_threads`].
/// It is 1 inside [`alone`], where threads cannot be started (WebAssembly), and where this thread's stack already holds
/// waiting work.
///
/// Calling this outside of any pool starts rayon's global one, so small work should not call it.
pub fn available() -> usize {
    match LIMIT.get() {
        _ if !HAS_THREADS => 1,
        1 => 1,
        _ if DEPTH.get() >= MAX_WAITING => 1,
        limit => rayon::current_num_threads().min(limit),
    }
}

/// Runs `work` with every operation within it on the current thread: for tasks that already keep all threads busy.
pub fn alone<R>(work: impl FnOnce() -> R) -> R {
    let _limit = Set::new(&LIMIT, 1);
    work()
}

/// Runs `work`, which waits for its parts on other threads.
pub(crate) fn waiting<R>(work: impl FnOnce() -> R) -> R {
    let _depth = Set::new(&DEPTH, DEPTH.get() + 1);
    work()
}

/// Maps every task in `0..tasks`, in order, to a result: on all threads, each of which takes the next task when it has
/// finished one, with a per-thread state made by `state`. If there are enough tasks for all threads, operations within
/// a task stay on its thread.
pub fn map_tasks<S, R: Send + Sync>(
    tasks: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> R + Sync,
) -> Vec<R> {
    let threads = available();
    if threads == 1 || tasks < threads {
        let mut state = state();
        return (0..tasks).map(|task| work(&mut state, task)).collect();
    }
    let next = AtomicUsize::new(0);
    let done: Vec<OnceLock<R>> = (0..tasks).map(|_| OnceLock::new()).collect();
    on_each(threads, &|| {
        let mut state = state();
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            let Some(place) = done.get(task) else {
                break;
            };
            // A task is taken once, so its slot is free.
            let _ = place.set(work(&mut state, task));
        }
    });
    done.into_iter().map(|place| place.into_inner().expect("every task was taken")).collect()
}

/// Runs `work` once on each of this many threads, or as they become free. A trait object, as [`Work`] is.
fn on_each(threads: usize, work: &(dyn Fn() + Sync)) {
    waiting(|| rayon::scope(|scope| (0..threads).for_each(|_| scope.spawn(|_| alone(work)))));
}

/// A function of a part of the work. A trait object, so that the splitting code is compiled once instead of once per
/// kernel: it costs one call per part.
type Work<'a> = dyn Fn(std::ops::Range<usize>) + Sync + 'a;

/// Calls `work` with ranges that cover `0..len`, possibly in parallel, none shorter than about half a `grain`. Ranges
/// are split at multiples of `unit`.
pub fn for_each_range(len: usize, grain: usize, unit: usize, work: &Work<'_>) {
    for_each_part((), len, grain, unit, &|range, ()| work(range));
}

/// Calls `work` with at most `pieces` ranges of about equal length that cover `0..len`, possibly in parallel. Ranges
/// are split at multiples of `unit`.
pub(crate) fn for_each_piece(len: usize, pieces: usize, unit: usize, work: &Work<'_>) {
    let piece = len.div_ceil(pieces.max(1)).next_multiple_of(unit).max(unit);
    waiting(|| split((), 0..len, piece, &|range, ()| work(range)));
}

fn split<P: Split>(
    memory: P,
    range: std::ops::Range<usize>,
    piece: usize,
    work: &(dyn Fn(std::ops::Range<usize>, P) + Sync),
) {
    let pieces = range.len().div_ceil(piece);
    if pieces <= 1 {
        work(range, memory);
        return;
    }
    let items = pieces / 2 * piece;
    let middle = range.start + items;
    let (left, right) = memory.split(items);
    rayon::join(|| split(left, range.start..middle, piece, work), || split(right, middle..range.end, piece, work));
}

/// The sum of `part(block)` over `0..blocks`, added in a tree that depends only on `blocks`, so that any number of
/// threads gives the same bits. Without `parallel`, which small sums should not set, it runs on one thread.
pub fn sum_blocks(blocks: usize, parallel: bool, part: &(dyn Fn(usize) -> f64 + Sync)) -> f64 {
    sum_parts((), blocks, 1, parallel, &|range, ()| part(range.start))
}

/// A sum over a range of items, which also writes their memory.
type SumPart<'a, P> = dyn Fn(std::ops::Range<usize>, P) -> f64 + Sync + 'a;

/// [`sum_blocks`] over blocks of `block` items that cover `0..len`; `part` also gets the block's part of `memory`.
pub fn sum_parts<P: Split>(memory: P, len: usize, block: usize, parallel: bool, part: &SumPart<'_, P>) -> f64 {
    fn tree<P: Split>(
        memory: P,
        range: std::ops::Range<usize>,
        block: usize,
        parallel: bool,
        part: &SumPart<'_, P>,
    ) -> f64 {
        match range.len().div_ceil(block) {
            0 => 0.0,
            1 => part(range, memory),
            blocks => {
                let items = blocks / 2 * block;
                let middle = range.start + items;
                let (first, rest) = memory.split(items);
                let left = || tree(first, range.start..middle, block, parallel, part);
                let right = || tree(rest, middle..range.end, block, parallel, part);
                let (left, right) = if parallel { rayon::join(left, right) } else { (left(), right()) };
                left + right
            }
        }
    }
    if parallel && available() > 1 {
        waiting(|| tree(memory, 0..len, block, true, part))
    } else {
        tree(memory, 0..len, block, false, part)
    }
}

/// The number of pieces that [`for_each_with`] should split the tasks into.
pub fn pieces(tasks: usize, parallel: bool) -> usize {
    if !parallel || tasks <= 1 {
        return 1;
    }
    match available() {
        1 => 1,
        threads => tasks.min(4 * threads),
    }
}

/// A function of scratch memory, a range of tasks, and their memory.
type Task<'a, T, P> = dyn Fn(&mut [T], std::ops::Range<usize>, P) + Sync + 'a;

/// Calls `work` with ranges that cover `0..tasks`, possibly in parallel, each with its own `pieces`th of `scratch` and
/// the part of `memory` that belongs to these tasks. A task's result must not depend on its range or on the contents of
/// its scratch memory.
pub fn for_each_with<T: Send, P: Split>(
    pieces: usize,
    tasks: usize,
    scratch: &mut [T],
    memory: P,
    work: &Task<'_, T, P>,
) {
    fn halve<T: Send, P: Split>(
        pieces: usize,
        tasks: std::ops::Range<usize>,
        scratch: &mut [T],
        memory: P,
        work: &Task<'_, T, P>,
    ) {
        if pieces <= 1 {
            work(scratch, tasks, memory);
            return;
        }
        let left = pieces / 2;
        let items = tasks.len() * left / pieces;
        let middle = tasks.start + items;
        let (first, second) = scratch.split_at_mut(scratch.len() / pieces * left);
        let (of_first, of_second) = memory.split(items);
        rayon::join(
            || halve(left, tasks.start..middle, first, of_first, work),
            || halve(pieces - left, middle..tasks.end, second, of_second, work),
        );
    }
    waiting(|| halve(pieces, 0..tasks, scratch, memory, work));
}

/// A pointer that several threads may use, each for its own elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared<T>(*mut T);

// SAFETY: whoever uses the pointer keeps the elements of different threads apart.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// A pointer to the slice's elements.
    pub(crate) fn new(slice: &mut [T]) -> Self {
        Shared(slice.as_mut_ptr())
    }

    /// A pointer to elements, some of which other code may use.
    pub(crate) fn of(data: *mut T) -> Self {
        Shared(data)
    }

    /// The pointer. Reads and writes must be limited to elements that are still borrowed, and that other code does not
    /// use meanwhile.
    pub(crate) fn pointer(self) -> *mut T {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_everything_once_for_any_thread_count() {
        for threads in [1, 2, 3] {
            with_threads(threads, || {
                for len in [0, 1, 99, 1000, 12_345] {
                    let seen: Vec<AtomicUsize> = (0..len).map(|_| AtomicUsize::new(0)).collect();
                    for_each_range(len, 100, 16, &|range| {
                        for i in range {
                            seen[i].fetch_add(1, Ordering::Relaxed);
                        }
                    });
                    assert!(seen.iter().all(|count| count.load(Ordering::Relaxed) == 1));
                }
            });
        }
    }

    #[test]
    fn each_task_runs_once_with_its_own_scratch() {
        for threads in [1, 2, 3] {
            with_threads(threads, || {
                for tasks in [0, 1, 5, 64, 1001] {
                    let done: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                    let pieces = pieces(tasks, true);
                    let mut scratch = vec![usize::MAX; 3 * pieces];
                    for_each_with(pieces, tasks, &mut scratch, (), &|scratch, range, ()| {
                        assert_eq!(scratch.len(), 3);
                        for task in range {
                            scratch.fill(task);
                            std::thread::yield_now();
                            assert_eq!(scratch, [task; 3]);
                            done[task].fetch_add(1, Ordering::Relaxed);
                        }
                    });
                    assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
                }
            });
        }
    }

    #[test]
    fn a_sum_has_the_same_bits_for_any_thread_count() {
        let part = |block: usize| (block as f64 * 0.7).sin() * 1e3;
        let alone = sum_blocks(1001, false, &part);
        for threads in [1, 2, 3] {
            assert_eq!(with_threads(threads, || sum_blocks(1001, true, &part)).to_bits(), alone.to_bits());
        }
    }
}
