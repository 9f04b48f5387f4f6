//! Runs a test in a process of its own, and an allocator that counts: per thread, and for the whole process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::Command;
use std::sync::atomic::{AtomicIsize, Ordering};

/// Whether this process runs `test` (its full name) alone. Otherwise the test runs in a new process first, and must pass there.
pub(crate) fn runs_alone(test: &str) -> bool {
    const ALONE: &str = "ELBO_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args([test, "--exact", "--nocapture"]).env(ALONE, "1").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}\n{errors}");
    print!("{printed}");
    false
}

/// The system's allocator with counters.
struct Counting;

thread_local! {
    /// The number of allocations of this thread.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// Those within the GEMM library.
    static IN_GEMM: Cell<usize> = const { Cell::new(0) };
    /// The size of the largest allocation.
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    /// Bytes allocated and not freed by this thread, and their maximum.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// Bytes that the process holds.
static HELD: AtomicIsize = AtomicIsize::new(0);

fn count(size: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    if elbo::engine::kernels::gemm::is_inside() {
        IN_GEMM.set(IN_GEMM.get() + 1);
    }
    LARGEST.set(LARGEST.get().max(size));
    LIVE.set(LIVE.get() + size as isize);
    PEAK.set(PEAK.get().max(LIVE.get()));
    HELD.fetch_add(size as isize, Ordering::Relaxed);
}

fn discount(size: usize) {
    LIVE.set(LIVE.get() - size as isize);
    HELD.fetch_sub(size as isize, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged; the counters are plain numbers.
unsafe impl GlobalAlloc for Counting {
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
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread so far: outside of the GEMM library, and within it.
pub(crate) fn allocations() -> [usize; 2] {
    [ALLOCATIONS.get() - IN_GEMM.get(), IN_GEMM.get()]
}

/// Bytes that the process holds now.
pub(crate) fn held() -> isize {
    HELD.load(Ordering::Relaxed)
}

/// The result of `work`, and its largest allocation on this thread.
#[cfg(feature = "gzip")]
pub(crate) fn largest_allocation<R>(work: impl FnOnce() -> R) -> (R, usize) {
    LARGEST.set(0);
    let result = work();
    (result, LARGEST.get())
}

/// The result of `work`, and its peak memory on this thread.
pub(crate) fn peak<R>(work: impl FnOnce() -> R) -> (R, usize) {
    LIVE.set(0);
    PEAK.set(0);
    let result = work();
    (result, PEAK.get().try_into().unwrap_or(0))
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
