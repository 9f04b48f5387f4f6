//! A service that predicts: many requests, from many threads at once, get the same answers, and leave no memory behind.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use elbo::prelude::*;
use elbo::{KeptDraws, SampledOutputs, Samples};

/// The system's allocator, with the number of bytes that are held.
struct Counting;

static HELD: AtomicIsize = AtomicIsize::new(0);

// SAFETY: everything is the system allocator's.
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

/// What 8 threads with so many requests each leave behind, in bytes.
fn left_by<S: Samples<Model = Dense> + Send>(service: &Arc<S>, requests: usize) -> isize {
    let x = Tensor::from_fn([1, 16], |i| (i as f64).sin());
    let expected = answer(&**service, &x);
    let before = HELD.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        let requests = || (0..requests).for_each(|_| assert_eq!(answer(&**service, &x), expected));
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(requests)).collect();
        // The end of the scope alone does not wait for what threads keep for themselves to be dropped.
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    HELD.load(Ordering::Relaxed) - before
}

#[test]
fn ten_thousand_requests_leave_nothing_behind() {
    let model = || Box::new(Dense::new(16, 4));
    let kept = Arc::new(KeptDraws::new(model(), Draws(16)));
    let sampled = Arc::new(SampledOutputs::new(model(), Draws(16)));
    let left = [left_by(&kept, 20), left_by(&sampled, 20)];
    // The pool's threads have their queues and tapes by now.
    let later = [left_by(&kept, 1250), left_by(&sampled, 1250)];
    println!("after 160 requests {left:?}, after 10,000 more {later:?} bytes");
    assert!(later.iter().all(|bytes| bytes.abs() < 64 << 10), "{later:?} bytes");
}
