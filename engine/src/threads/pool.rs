//! Pools of threads, lent to callers that are in none.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{HAS_THREADS, LIMIT, Set, alone};

/// How long a caller waits for the threads of pools that were dropped. They end in microseconds, unless a task that was
/// spawned in the pool and left behind still runs there.
const PATIENCE: Duration = Duration::from_millis(100);

static POOLS: Mutex<Pools> = Mutex::new(Pools { idle: Vec::new(), lent: 0, alive: 0 });

/// A thread has ended.
static ENDED: Condvar = Condvar::new();

/// Runs `work` so that every operation within it is split over at most `threads` threads. The result has the same bits for
/// any number.
///
/// - One thread is the calling one.
/// - In a rayon pool, whether the caller's own or that of another `with_threads`, `work` runs on the calling thread and no
///   thread is started: operations are split for as many threads as were asked for or as the pool has, whichever is less.
///   The pool's threads take the parts as they become free.
/// - Elsewhere `work` runs in a pool of so many threads, which is kept for later calls. If other calls hold threads at
///   the same time, and more than twice the number of cores plus two would be alive, or if the system refuses to start
///   them (as on WebAssembly), `work` runs on the calling thread alone.
///
/// A training loop belongs in here as a whole: entering a pool costs some microseconds.
///
/// # Panics
/// If `threads` is 0.
#[track_caller]
pub fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    assert!(threads > 0, "with_threads: at least one thread is needed, got 0");
    if threads == 1 || !HAS_THREADS {
        return alone(work);
    }
    if rayon::current_thread_index().is_some() {
        // To wait for another pool here would be to run other tasks of this one meanwhile, on top of this stack.
        let _limit = Set::new(&LIMIT, threads);
        return work();
    }
    match Lent::take(threads.min(rayon::max_num_threads())) {
        Some(lent) => lent.pool().install(work),
        None => alone(work),
    }
}

/// The pools of this process. A pool is idle or lent, and a thread is in one or ends.
struct Pools {
    idle: Vec<ThreadPool>,
    /// Threads in pools that are lent.
    lent: usize,
    /// Threads that were started and have not ended.
    alive: usize,
}

impl Pools {
    fn lock() -> MutexGuard<'static, Pools> {
        // Nothing panics while it holds the lock.
        POOLS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether so many threads may be started beside the `others`. A caller that is the only one gets what it asks for.
    fn fits(threads: usize, others: usize) -> bool {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        others == 0 || others.saturating_add(threads) <= 2 * (cores() + 1)
    }

    /// Whether threads of pools that were dropped have not ended.
    fn is_ending(&self) -> bool {
        self.alive > self.lent + self.idle.iter().map(ThreadPool::current_num_threads).sum::<usize>()
    }
}

/// A pool that one caller has for itself.
struct Lent {
    /// There until it is given back.
    pool: Option<ThreadPool>,
}

impl Lent {
    /// A pool of so many threads, unless there are too many already or the system starts no more.
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
            // Idle pools of other sizes make room.
            pools.idle.clear();
            let wait = |pools: &mut Pools| !Pools::fits(threads, pools.alive) && pools.is_ending();
            (pools, _) = ENDED.wait_timeout_while(pools, PATIENCE, wait).unwrap_or_else(PoisonError::into_inner);
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
        self.pool.as_ref().expect("it is given back in `drop` alone")
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

/// A thread that is counted as alive.
struct Alive;

impl Drop for Alive {
    fn drop(&mut self) {
        Pools::lock().alive -= 1;
        ENDED.notify_all();
    }
}

/// Starts a pool of so many threads, which are counted as alive already.
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
