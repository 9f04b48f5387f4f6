//! Threads: how many a call gets, where it runs, and that a process never has many.
//!
//! A separate program: it counts the threads of its process, and restarts itself where threads cannot be started.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use elbo_engine::kernels::Write;
use elbo_engine::kernels::gemm::{Matrix, gemm};
use elbo_engine::threads::{alone, available, for_each_range, map_tasks, sum_blocks};
use elbo_engine::with_threads;
use rayon::prelude::*;

/// Set in a child process in which the system cannot start threads.
const REFUSED: &str = "ELBO_TEST_NO_THREAD_STARTS";

/// Threads of this process; 0 if the system does not list them.
fn alive() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// The maximum number of threads that several callers may have at the same time.
fn most() -> usize {
    2 * (thread::available_parallelism().unwrap().get() + 1)
}

/// The bits of sums that are large enough to be split.
fn work() -> u64 {
    sum_blocks(64, true, &|block| (block as f64 * 0.7).sin()).to_bits()
}

// A single test, because threads are counted per process.
#[test]
fn threads_are_few_and_results_the_same() {
    if std::env::var_os(REFUSED).is_some() {
        assert!(thread::Builder::new().spawn(|| ()).is_err(), "a thread starts");
        assert_eq!(with_threads(4, || (available(), work())), (1, alone(work)));
        return;
    }
    one_thread_means_the_calling_one();
    successive_calls_get_the_requested_threads();
    tasks_are_mapped_in_order_without_nested_splitting();
    nested_calls_stay_in_the_pool();
    a_panic_leaves_the_pool_as_it_was();
    concurrent_callers_get_few_threads();
    calls_in_a_rayon_pool_do_not_start_threads();
    a_waiting_thread_gets_few_tasks_on_its_stack();
    an_abandoned_task_does_not_block_others();
    without_new_threads_the_caller_works_alone();
}

fn one_thread_means_the_calling_one() {
    let before = alive();
    let product = || {
        let (a, mut out) = (vec![0.5; 200 * 200], vec![0.0; 200 * 200]);
        gemm::<f64>(Matrix::new(&a, 200, 200), Matrix::new(&a, 200, 200), &mut out, Write::Store);
        for_each_range(1 << 20, 1, 1, &|_| ());
        map_tasks(100, || (), |(), task| task);
        (thread::current().id(), available(), work(), out[0])
    };
    let (caller, one, _, corner) = with_threads(1, product);
    assert_eq!((caller, one, corner), (thread::current().id(), 1, 50.0));
    assert_eq!(alive(), before, "neither a pool nor rayon's global one was started");
}

fn successive_calls_get_the_requested_threads() {
    let (before, alone) = (alive(), alone(work));
    for _ in 0..50 {
        for threads in [2, 3, 2, most() + 3] {
            assert_eq!(with_threads(threads, || (available(), work())), (threads, alone));
            // Threads that have announced their end may be visible for a moment.
            assert!(alive() <= before + 2 * (most() + 3), "{} threads after {before}", alive());
        }
    }
}

fn tasks_are_mapped_in_order_without_nested_splitting() {
    for threads in [1, 2, 3] {
        with_threads(threads, || {
            for tasks in [0, 1, 2, 7, 100] {
                let made = AtomicUsize::new(0);
                let state = || made.fetch_add(1, Ordering::Relaxed);
                let found = map_tasks(tasks, state, |_, task| (task * task, available()));
                let inside = if tasks < threads { threads } else { 1 };
                assert_eq!(found, (0..tasks).map(|task| (task * task, inside)).collect::<Vec<_>>());
                assert!(made.into_inner() <= threads);
                assert_eq!(available(), threads);
            }
        });
    }
}

fn nested_calls_stay_in_the_pool() {
    fn nest(depth: usize) -> u64 {
        let (here, threads) = (thread::current().id(), 1 + depth % 5);
        with_threads(threads, || {
            assert_eq!((thread::current().id(), available()), (here, threads.min(3)));
            let inside = if depth > 0 { nest(depth - 1) } else { work() };
            assert_eq!(available(), threads.min(3));
            inside
        })
    }
    with_threads(3, || {
        let before = alive();
        assert_eq!(nest(1000), alone(work));
        assert!(available() == 3 && alive() <= before, "{} after {before}", alive());
    });
    // The innermost call determines the number.
    assert_eq!(with_threads(1, || with_threads(3, || with_threads(1, available) + 10 * available())), 31);
}

fn a_panic_leaves_the_pool_as_it_was() {
    let fresh = with_threads(3, alive);
    for _ in 0..20 {
        for threads in [1, 3] {
            let nested = || with_threads(3, || with_threads(1, || for_each_range(9, 1, 1, &|_| panic!("on purpose"))));
            let panic = catch_unwind(AssertUnwindSafe(|| with_threads(threads, nested)));
            assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"on purpose"));
            let parts = || with_threads(threads, || for_each_range(9, 1, 1, &|range| assert!(range.end < 9)));
            assert!(catch_unwind(AssertUnwindSafe(parts)).is_err());
        }
        let (threads, alive) = with_threads(3, || (available(), alive()));
        // Threads of an earlier pool may have been counted while they ended.
        assert!(threads == 3 && alive <= fresh, "{threads} of 3, and {alive} after {fresh}");
    }
}

fn concurrent_callers_get_few_threads() {
    let (callers, before, alone) = (60, alive(), alone(work));
    let (ready, done) = (Barrier::new(callers), Barrier::new(callers));
    let call = |threads: usize| {
        ready.wait();
        let found = with_threads(threads, || {
            let found = (available(), work(), alive());
            // All callers hold their threads at the same time.
            done.wait();
            found
        });
        assert!([1, threads].contains(&found.0) && found.1 == alone, "{found:?} of {threads}");
        (found.0, found.2)
    };
    let found: Vec<(usize, usize)> = thread::scope(|scope| {
        let call = &call;
        let calls: Vec<_> = (0..callers).map(|i| scope.spawn(move || call(2 + i % 2))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let lent: usize = found.iter().map(|&(threads, _)| threads).filter(|&threads| threads > 1).sum();
    assert!((most() - 1..=most()).contains(&lent), "{lent} threads were in use: {found:?}");
    let seen = found.iter().map(|&(_, alive)| alive).max().unwrap().saturating_sub(before + callers);
    assert!(seen <= 2 * most(), "{seen} threads besides {before} and {callers} callers");
}

fn calls_in_a_rayon_pool_do_not_start_threads() {
    let expected = alone(work);
    for workers in [2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
        let (before, most) = (alive(), AtomicUsize::new(0));
        let task = |i: usize| {
            let threads = [1, 2, 8][i % 3];
            let found = with_threads(threads, || (available(), map_tasks(20, work, |_, _| work())));
            most.fetch_max(alive(), Ordering::Relaxed);
            // One thread, if other tasks wait on this stack.
            assert!(found.0 == 1 || found.0 == threads.min(workers), "{} of {threads} and {workers}", found.0);
            found.1.iter().all(|&bits| bits == expected)
        };
        assert!(pool.install(|| (0..1000).into_par_iter().map(task).all(|same| same)), "in a pool of {workers}");
        assert!(most.into_inner() <= before, "in a pool of {workers}");
    }
}

/// A task that is split in two: the thread that takes the second part starts the next task, and finishes its own part
/// when that one has begun. So a thread that waits for it is given the next task, on its stack.
struct Chain {
    threads: Option<usize>,
    begun: AtomicUsize,
    deepest: AtomicUsize,
}

impl Chain {
    const TASKS: usize = 50;

    thread_local! {
        static NESTED: Cell<usize> = const { Cell::new(0) };
    }

    fn task<'s>(&'s self, scope: &rayon::Scope<'s>) {
        self.threads.map_or_else(|| self.split(scope), |threads| with_threads(threads, || self.split(scope)));
    }

    fn split<'s>(&'s self, scope: &rayon::Scope<'s>) {
        let task = 1 + self.begun.fetch_add(1, Ordering::SeqCst);
        let (here, is_split, second_begun) = (thread::current().id(), available() > 1, AtomicBool::new(false));
        Self::NESTED.set(Self::NESTED.get() + 1);
        self.deepest.fetch_max(Self::NESTED.get(), Ordering::SeqCst);
        for_each_range(2, 1, 1, &|_| {
            if thread::current().id() != here {
                second_begun.store(true, Ordering::SeqCst);
                if task < Self::TASKS {
                    scope.spawn(|scope| self.task(scope));
                    wait_for(|| self.begun.load(Ordering::SeqCst) > task);
                }
            } else if is_split {
                wait_for(|| second_begun.load(Ordering::SeqCst));
            }
        });
        Self::NESTED.set(Self::NESTED.get() - 1);
    }
}

fn wait_for(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

fn a_waiting_thread_gets_few_tasks_on_its_stack() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for threads in [None, Some(2), Some(8)] {
        let chain = Chain { threads, begun: AtomicUsize::new(0), deepest: AtomicUsize::new(0) };
        pool.scope(|scope| chain.task(scope));
        // The third task runs without other threads, which ends the chain.
        assert_eq!((chain.begun.into_inner(), chain.deepest.into_inner()), (3, 3), "{threads:?} threads");
    }
}

fn an_abandoned_task_does_not_block_others() {
    static MAY_END: AtomicBool = AtomicBool::new(false);
    with_threads(3, || rayon::spawn(|| wait_for(|| MAY_END.load(Ordering::Relaxed))));
    // There is no room for this pool besides that one.
    assert_eq!(with_threads(most(), || (available(), work())), (1, alone(work)));
    MAY_END.store(true, Ordering::Relaxed);
    wait_for(|| with_threads(most(), available) == most());
}

fn without_new_threads_the_caller_works_alone() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "threads_are_few_and_results_the_same"])
        // A stack that does not fit into any address space.
        .env("RUST_MIN_STACK", (1_u64 << 47).to_string())
        .env(REFUSED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
