//! Measures the peak memory of a piece of work.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The most bytes of memory per byte of the file.
pub(crate) const RATIO: usize = 16;

/// The memory of an error message, which does not depend on the file's size.
pub(crate) const MESSAGE: usize = 2048;

/// The memory a reader may take in addition: 1 MiB.
pub(crate) const ALLOWANCE: usize = 1 << 20;

/// The system's allocator, counting each thread's bytes.
struct Watched;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(size: usize) {
    LIVE.set(LIVE.get() + size as isize);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

fn discount(size: usize) {
    LIVE.set(LIVE.get() - size as isize);
}

// SAFETY: every call goes to the system's allocator unchanged; two cells of a number are all that is touched besides.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: required of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: required of the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The old and the new memory may coexist while one is copied to the other.
        count(size);
        discount(layout.size());
        // SAFETY: required of the caller.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        discount(layout.size());
        // SAFETY: required of the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static WATCHED: Watched = Watched;

/// The result of `work`, and its peak memory on this thread.
pub(crate) fn peak<R>(work: impl FnOnce() -> R) -> (R, usize) {
    LIVE.set(0);
    PEAK.set(0);
    let result = work();
    (result, PEAK.get().try_into().unwrap_or(0))
}

/// The result of `work` on a file of `length` bytes, which must stay within a reader's memory limit.
#[track_caller]
pub(crate) fn bounded<R>(length: usize, work: impl FnOnce() -> R) -> R {
    let (result, peak) = peak(work);
    assert!(peak <= RATIO * length + ALLOWANCE, "{peak} bytes for a file of {length}");
    result
}

#[test]
fn the_peak_is_the_most_memory_held_at_once() {
    let (_, peak) = peak(|| {
        drop(vec![0u8; 1000]);
        let held = vec![0u8; 300];
        vec![0u8; 500].len() + held.len()
    });
    assert_eq!(peak, 1000);
    let (_, grown) = self::peak(|| {
        let mut grown = Vec::<u8>::with_capacity(100);
        grown.reserve_exact(200);
    });
    assert_eq!(grown, 300);
}
