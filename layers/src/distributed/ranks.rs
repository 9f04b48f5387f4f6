//! `Ranks`: the processes that `mpirun` or `srun` has started, by MPI.

use std::any::Any;
use std::fmt;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mpi::Threading;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, Destination, Equivalence, Source};
use thiserror::Error;

use crate::distributed::{Exchange, Traffic};

/// The tag of messages with elements.
const ELEMENTS: i32 = 7101;
/// The tag of a rank's last message: it has ended.
const ENDED: i32 = 7102;
/// The tag of the answer to a rank that has ended while another one needs it.
const NEEDED: i32 = 7103;

/// The largest number of elements in one message: MPI counts them as 32 bits.
const LARGEST: usize = 1 << 28;

/// How long the last messages of a rank that has ended may still be on their way.
const LAST_MESSAGES: Duration = Duration::from_millis(200);

/// How long a rank that ended too early has to print its error before the others end the job.
const GRACE: Duration = Duration::from_secs(2);

/// The processes, *ranks*, that a launcher of MPI (`mpirun`, `srun`) has started and that work together. A program that is started
/// without a launcher is the only rank. Needs the feature `mpi`.
///
/// ```no_run
/// use elbo::Ranks;
/// use elbo::prelude::*;
///
/// # let train = Examples::new(Tensor::from_fn([64, 2], |i| (i as f64).sin()), vec![0; 64])?;
/// let ranks = Ranks::start()?;                       // first thing in `main`, once
/// let mut model = Dense::new(2, 2);
/// Elbo::new(Categorical).training(&mut model, &train).ranks(&ranks).run(Epochs(20))?;
/// if ranks.is_first() {
///     println!("{}", ranks.traffic());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Keep it until the end of `main`: MPI ends when it is dropped, after all ranks have come so far. A panic that leaves `main` ends the
/// job. If a rank ends while others still need it, as after an error of its own, it may print the error, and then the job ends.
pub struct Ranks {
    rank: usize,
    size: usize,
    /// Held during each call of MPI, so that there is one at a time.
    traffic: Mutex<Traffic>,
    /// Ends MPI when it is dropped.
    universe: Option<Universe>,
}

/// Why MPI cannot be used. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum RanksError {
    /// MPI was started before.
    #[error("MPI was started before in this program: call `Ranks::start` once, and pass the value on")]
    Started,

    /// The installed MPI allows calls from the main thread only.
    #[error(
        "the installed MPI gives {provided} support of threads, and a training needs at least `MPI_THREAD_SERIALIZED`: install Open \
         MPI or MPICH with threads"
    )]
    Threads {
        /// What it supports.
        provided: String,
    },
}

crate::engine::debug_as_display!(RanksError);

impl Ranks {
    /// Starts MPI.
    ///
    /// # Errors
    /// If it was started before, or does not allow calls from other threads than the main one.
    pub fn start() -> Result<Ranks, RanksError> {
        let (universe, provided) = mpi::initialize_with_threading(Threading::Multiple).ok_or(RanksError::Started)?;
        if provided < Threading::Serialized {
            return Err(RanksError::Threads { provided: format!("{provided:?}") });
        }
        let world = universe.world();
        let [rank, size] = [world.rank(), world.size()].map(|number| number as usize);
        Ok(Ranks { rank, size, traffic: Mutex::default(), universe: Some(universe) })
    }

    /// The number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The number of processes.
    #[expect(clippy::len_without_is_empty, reason = "there is at least this process")]
    pub fn len(&self) -> usize {
        self.size
    }

    /// Whether this is rank 0, which prints and saves.
    pub fn is_first(&self) -> bool {
        self.rank == 0
    }

    /// What this rank has sent and received so far, and how long that took.
    pub fn traffic(&self) -> Traffic {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `other` has sent its last message.
    fn has_ended(&self, other: usize) -> bool {
        SimpleCommunicator::world().process_at_rank(other as i32).immediate_probe_with_tag(ENDED).is_some()
    }

    /// Ends the job: `other`, which this rank needs, has ended.
    fn end_job(&self, other: usize) -> ! {
        let (world, rank) = (SimpleCommunicator::world(), self.rank);
        world.process_at_rank(other as i32).send_with_tag(&[0_u8][..], NEEDED);
        std::thread::sleep(GRACE);
        say(format!("elbo: rank {other} of {} has ended, and rank {rank} still needs it: the job ends", self.size));
        world.abort(1)
    }

    /// Waits until `is_done`, and gives way to other threads and processes meanwhile.
    fn wait_for(&self, other: usize, mut is_done: impl FnMut() -> bool) {
        let mut ended: Option<Instant> = None;
        for round in 0_u32.. {
            if is_done() {
                return;
            }
            if round % 64 == 63 && self.has_ended(other) {
                // What it sent before may be done only now.
                let since = *ended.get_or_insert_with(Instant::now);
                if since.elapsed() > LAST_MESSAGES && !is_done() {
                    self.end_job(other);
                }
            }
            std::thread::yield_now();
        }
    }

    fn send_of<E: Equivalence + 'static>(&self, to: usize, elements: &dyn Any, traffic: &mut Traffic) -> bool {
        let Some(elements) = elements.downcast_ref::<Vec<E>>() else { return false };
        let world = SimpleCommunicator::world();
        let process = world.process_at_rank(to as i32);
        let begun = Instant::now();
        for part in elements.chunks(LARGEST) {
            mpi::request::scope(|scope| {
                let mut request = Some(process.immediate_send_with_tag(scope, part, ELEMENTS));
                self.wait_for(to, || match request.take().expect("it is kept until it is done").test() {
                    Ok(_) => true,
                    Err(pending) => {
                        request = Some(pending);
                        false
                    }
                });
            });
        }
        traffic.seconds_of_transfer += begun.elapsed().as_secs_f64();
        traffic.bytes_sent += size_of_val(&elements[..]) as u64;
        true
    }

    fn receive_of<E: Equivalence + 'static>(&self, from: usize, elements: &mut dyn Any, traffic: &mut Traffic) -> bool {
        let Some(elements) = elements.downcast_mut::<Vec<E>>() else { return false };
        let world = SimpleCommunicator::world();
        let process = world.process_at_rank(from as i32);
        for part in elements.chunks_mut(LARGEST) {
            let begun = Instant::now();
            self.wait_for(from, || process.immediate_probe_with_tag(ELEMENTS).is_some());
            let arrived = Instant::now();
            let status = process.receive_into_with_tag(part, ELEMENTS);
            traffic.seconds_of_waiting += (arrived - begun).as_secs_f64();
            traffic.seconds_of_transfer += arrived.elapsed().as_secs_f64();
            let count = status.count(E::equivalent_datatype()) as usize;
            assert_eq!(count, part.len(), "rank {from} has sent another number of elements");
        }
        traffic.bytes_received += size_of_val(&elements[..]) as u64;
        true
    }

    /// Tells all ranks that this one has ended, and waits for them. Returns whether none of them needs it.
    fn end(&self) -> bool {
        let world = SimpleCommunicator::world();
        let mut others: Vec<usize> = (0..self.size).filter(|&rank| rank != self.rank).collect();
        others.iter().for_each(|&rank| world.process_at_rank(rank as i32).send_with_tag(&[0_u8][..], ENDED));
        let mut is_needed = false;
        while !others.is_empty() && !is_needed {
            others.retain(|&rank| {
                let process = world.process_at_rank(rank as i32);
                let has = |tag| process.immediate_probe_with_tag(tag).is_some();
                is_needed |= has(NEEDED) || has(ELEMENTS);
                let has_ended = !is_needed && has(ENDED);
                if has_ended {
                    process.receive_into_with_tag(&mut [0_u8][..], ENDED);
                }
                !has_ended
            });
            // Rank 0 may still evaluate for a long time.
            std::thread::sleep(Duration::from_millis(1));
        }
        !is_needed
    }
}

/// Prints a line in one piece: other ranks may print at the same time.
fn say(mut line: String) {
    line.push('\n');
    // There is nothing to do if it cannot be written.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

impl Drop for Ranks {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if self.size > 1 {
                say(format!("elbo: rank {} of {} has panicked: the job ends", self.rank, self.size));
                SimpleCommunicator::world().abort(101);
            }
        } else if !self.end() {
            say(format!("elbo: rank {} of {} has ended, and another rank still needs it", self.rank, self.size));
            // Ending MPI would wait for the others for ever. They end the job soon.
            std::mem::forget(self.universe.take());
        }
    }
}

impl Exchange for Ranks {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn send(&self, to: usize, elements: &dyn Any) {
        let traffic = &mut *self.lock();
        let is_known = self.send_of::<u8>(to, elements, traffic)
            || self.send_of::<f32>(to, elements, traffic)
            || self.send_of::<f64>(to, elements, traffic);
        assert!(is_known, "a message of another type");
    }

    fn receive(&self, from: usize, elements: &mut dyn Any) {
        let traffic = &mut *self.lock();
        let is_known = self.receive_of::<u8>(from, elements, traffic)
            || self.receive_of::<f32>(from, elements, traffic)
            || self.receive_of::<f64>(from, elements, traffic);
        assert!(is_known, "a message of another type");
    }
}

impl fmt::Debug for Ranks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.size)
    }
}
