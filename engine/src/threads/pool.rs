//! `with_threads`: runs work in a cached thread pool of a given size.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{HAS_THREADS, LIMIT, Set, alone};

/// How long a caller waits for the threads of dropped pools. They end within microseconds, unless a task that was
/// spawned in the pool is still running.
const MAX_WAIT: Duration = Duration::from_millis(100);

static POOLS: Mutex<Pools> = Mutex::new(Pools { idle: Vec::new(), lent: 0, alive: 0 });

/// Signals that a thread has ended.
static ENDED: Condvar = Condvar::new();

/// Runs `work` so that every operation within it is split over at most `threads` threads. The result has the same bits
/// for any number.
///
/// - With one thread, `work` runs on the calling thread.
/// - In a rayon pool, whether the caller's own or that of another `with_threads`, `work` runs on the calling thread and
///   no thread is started: operations are split for the requested number of threads or that of the pool, whichever is
///   less. The pool's threads take the parts as they become free.
/// - Otherwise `work` runs in a pool of the requested size, which is kept for later calls. If other calls use threads
///   at the same time, and more than twice the number of cores plus two would be alive, or if the system cannot start
///   them (as on WebAssembly), `work` runs only on the calling thread.
///
/// Wrap a training loop as a whole: entering a pool costs some microseconds.
///
/// # Panics
/// If `threads` is 0.
#[track_caller]
pub fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    assert!(threads > 0, "with_threads: the number of threads must be at least 1, got 0");
    if threads == 1 || !HAS_THREADS {
        return alone(work);
    }
    if rayon::current_thread_index().is_some() {
        // Waiting for another pool here would run other tasks of the current pool meanwhile, on this stack.
        let _limit = Set::new(&LIMIT, threads);
        return work();
    }
    match Lent::take(threads.min(rayon::max_num_threads())) {
        Some(lent) => {
            let (mut work, mut result) = (Some(work), None);
            install(lent.pool(), &mut || result = work.take().map(|work| work()));
            result.expect("the work was run once")
        }
        None => alone(work),
    }
}

/// Runs `work` in a pool. A trait object, so that the pool's code is compiled once.
fn install(pool: &ThreadPool, work: &mut (dyn FnMut() + Send)) {
    pool.install(work);
}

/// The pools of this process. A pool is idle or in use, and every thread belongs to one or is ending.
struct Pools {
    idle: Vec<ThreadPool>,
    /// Threads in pools that are in use.
    lent: usize,
    /// Threads that were started and have not ended.
    alive: usize,
}

impl Pools {
    fn lock() -> MutexGuard<'static, Pools> {
        // A panic cannot occur while the lock is held.
        POOLS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `threads` threads may be started besides the `others`. A caller that is the only one gets the number it
    /// requests.
    fn fits(threads: usize, others: usize) -> bool {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        others == 0 || others.saturating_add(threads) <= 2 * (cores() + 1)
    }

    /// Whether some threads of dropped pools have not ended yet.
    fn is_ending(&self) -> bool {
        self.alive > self.lent + self.idle.iter().map(ThreadPool::current_num_threads).sum::<usize>()
    }
}

/// A pool that is in use by one caller.
struct Lent {
    /// `Some` until it is returned.
    pool: Option<ThreadPool>,
}

impl Lent {
    /// A pool of `threads` threads, unless there are too many already or the system cannot start them.
    fn take(threads: usize) -> Option<Lent> {
        let mut pools = Pools::lock();
        if let Some(found) = pools.idle.iter().position(|pool| pool.current_num_threads() == threads) {
            pools.lent += threads;
            return Some(Lent { pool: Some(pools.idle.swap_remove(found)) });
        }
        if !Pools::fits(threads, pools.lent) {
            return None;
        }
        if !Pools::fits(threads, pools.alive) {
            // Drop idle pools of other sizes.
            pools.idle.clear();
            let wait = |pools: &mut Pools| !Pools::fits(threads, pools.alive) && pools.is_ending();
            (pools, _) = ENDED.wait_timeout_while(pools, MAX_WAIT, wait).unwrap_or_else(PoisonError::into_inner);
            if !Pools::fits(threads, pools.alive) {
                return None;
            }
        }
        pools.lent += threads;
        pools.alive += threads;
        drop(pools);
        let pool = start(threads);
        if pool.is_none() {
            Pools::lock().lent -= threads;
        }
        pool.map(|pool| Lent { pool: Some(pool) })
    }

    fn pool(&self) -> &ThreadPool {
        self.pool.as_ref().expect("it is only returned in `drop`")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            let mut pools = Pools::lock();
            pools.lent -= pool.current_num_threads();
            pools.idle.push(pool);
        }
    }
}

/// Counts a thread as alive until it is dropped.
struct Alive;

impl Drop for Alive {
    fn drop(&mut self) {
        Pools::lock().alive -= 1;
        ENDED.notify_all();
    }
}

/// Starts a pool of `threads` threads, which are already counted as alive.
fn start(threads: usize) -> Option<ThreadPool> {
    let mut counted: Vec<Alive> = (0..threads).map(|_| Alive).collect();
    let spawn = |thread: rayon::ThreadBuilder| {
        let alive = counted.pop();
        std::thread::Builder::new().spawn(|| {
            let _alive = alive;
            thread.run();
        })?;
        Ok(())
    };
    ThreadPoolBuilder::new().num_threads(threads).spawn_handler(spawn).build().ok()
}
