//! Prediction as a service: many requests from many threads get equal answers and leak no memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use elbo::prelude::*;
use elbo::{KeptDraws, SampledOutputs, Samples};

/// The system's allocator, counting the bytes allocated.
struct Counting;

static HELD: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as required of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as required of the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn answer<S: Samples<Model = Dense>>(service: &S, x: &Tensor) -> Vec<f64> {
    service.predict(&Categorical, x).mean().to_vec()
}

/// The bytes still allocated after 8 threads with this many requests each.
fn left_by<S: Samples<Model = Dense> + Send>(service: &Arc<S>, requests: usize) -> isize {
    let x = Tensor::from_fn([1, 16], |i| (i as f64).sin());
    let expected = answer(&**service, &x);
    let before = HELD.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        let requests = || (0..requests).for_each(|_| assert_eq!(answer(&**service, &x), expected));
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(requests)).collect();
        // The end of the scope does not wait for thread-local values to be dropped, so join each thread.
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    HELD.load(Ordering::Relaxed) - before
}

#[test]
fn ten_thousand_requests_leak_no_memory() {
    let model = || Box::new(Dense::new(16, 4));
    let kept = Arc::new(KeptDraws::new(model(), Draws(16)));
    let sampled = Arc::new(SampledOutputs::new(model(), Draws(16)));
    let left = [left_by(&kept, 20), left_by(&sampled, 20)];
    // The pool's threads have allocated their queues and tapes by now.
    let later = [left_by(&kept, 1250), left_by(&sampled, 1250)];
    println!("after 160 requests {left:?}, after 10,000 more {later:?} bytes");
    assert!(later.iter().all(|bytes| bytes.abs() < 64 << 10), "{later:?} bytes");
}
