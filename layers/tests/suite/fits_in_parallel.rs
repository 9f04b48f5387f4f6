//! Many trainings at once, in rayon pools and from `std` threads: equal results and few threads.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{Classifier, classifier, examples};
use crate::own_process::runs_alone;
use elbo::prelude::*;
use rayon::prelude::*;

/// The number of threads of this process, if the system provides it.
fn threads_of_process() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// The parameters after a fit of a small model; records the most threads seen at its end.
fn fit(start: &Classifier, data: &Examples<f32, Vec<usize>>, threads: usize, most: &AtomicUsize) -> Vec<u32> {
    let mut model = start.clone();
    let mut elbo = Elbo::new(Categorical).seed(7).batch_size(4).threads(threads).quiet();
    elbo.fit(&mut model, data, Epochs(1)).unwrap();
    most.fetch_max(threads_of_process(), Ordering::Relaxed);
    let mut bits = Vec::new();
    model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| bits.extend(tensor.data().iter().map(|x| x.to_bits())));
    bits
}

// In a process of its own, because threads are counted per process.
#[test]
fn fits_in_parallel_end_alike_and_start_few_threads() {
    if !runs_alone("fits_in_parallel::fits_in_parallel_end_alike_and_start_few_threads") {
        return;
    }
    let (x, labels) = examples(8, 3, 2);
    let data = Examples::new(x, labels).unwrap();
    let start = classifier(3, 4, 2);
    let alone = fit(&start, &data, 1, &AtomicUsize::new(0));

    for workers in [2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
        let before = threads_of_process();
        for threads in [1, 2, 8] {
            let most = AtomicUsize::new(0);
            let fits = || (0..4000).into_par_iter().filter(|_| fit(&start, &data, threads, &most) == alone).count();
            assert_eq!(pool.install(fits), 4000, "{threads} threads in a pool of {workers}");
            let most = most.into_inner();
            assert!(most <= before, "{most} threads after {before}: {threads} threads in a pool of {workers}");
        }
    }

    // All callers start before the first fit.
    let (callers, most, before) = (200, AtomicUsize::new(0), threads_of_process());
    let ready = Barrier::new(callers);
    let call = |i: usize| {
        ready.wait();
        fit(&start, &data, [2, 3, 8][i % 3], &most) == alone
    };
    let same = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..callers)
            .map(|i| {
                scope.spawn({
                    let call = &call;
                    move || call(i)
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).filter(|&same| same).count()
    });
    assert_eq!(same, callers);
    let cores = std::thread::available_parallelism().unwrap().get();
    let (started, bound) = (most.into_inner().saturating_sub(before + callers), (cores.max(8) + 2) * 2);
    assert!(started <= bound, "{started} threads for {callers} callers on {cores} cores");
}
