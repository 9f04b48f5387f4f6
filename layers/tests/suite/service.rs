//! Prediction as a service: many requests from many threads get equal answers and leak no memory.

use std::sync::Arc;

use crate::own_process::{held, runs_alone};
use elbo::prelude::*;
use elbo::{KeptDraws, SampledOutputs, Samples};

fn answer<S: Samples<Model = Dense>>(service: &S, x: &Tensor) -> Vec<f64> {
    service.predict(&Categorical, x).mean().to_vec()
}

/// The bytes still allocated after 8 threads with this many requests each.
fn left_by<S: Samples<Model = Dense> + Send>(service: &Arc<S>, requests: usize) -> isize {
    let x = Tensor::from_fn([1, 16], |i| (i as f64).sin());
    let expected = answer(&**service, &x);
    let before = held();
    std::thread::scope(|scope| {
        let requests = || (0..requests).for_each(|_| assert_eq!(answer(&**service, &x), expected));
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(requests)).collect();
        // The end of the scope does not wait for thread-local values to be dropped, so join each thread.
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    held() - before
}

// In a process of its own, because memory is counted per process.
#[test]
fn ten_thousand_requests_leak_no_memory() {
    if !runs_alone("service::ten_thousand_requests_leak_no_memory") {
        return;
    }
    let model = || Box::new(Dense::new(16, 4));
    let kept = Arc::new(KeptDraws::new(model(), Draws(16)));
    let sampled = Arc::new(SampledOutputs::new(model(), Draws(16)));
    let left = [left_by(&kept, 20), left_by(&sampled, 20)];
    // The pool's threads have allocated their queues and tapes by now.
    let later = [left_by(&kept, 1250), left_by(&sampled, 1250)];
    println!("after 160 requests {left:?}, after 10,000 more {later:?} bytes");
    assert!(later.iter().all(|bytes| bytes.abs() < 64 << 10), "{later:?} bytes");
}
