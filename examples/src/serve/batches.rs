//! The queue of requests, and the thread that predicts them in batches.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use elbo::prelude::*;
use elbo::with_threads;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::metrics::Metrics;
use super::model::Model;
use super::{Answer, Answers};

/// How requests are gathered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gathering {
    /// The longest time that a request waits for others.
    pub(super) wait: Duration,
    /// The most rows of a batch, and of a request.
    pub(super) most_rows: usize,
    /// The most rows that wait for an answer.
    pub(super) queued_rows: usize,
    /// Threads of a prediction.
    pub(super) threads: usize,
}

/// A request whose rows fit its model.
struct Job {
    model: Arc<Model>,
    inputs: Vec<f32>,
    rows: usize,
    answer: oneshot::Sender<Option<Answers>>,
    /// Its place in the queue, free again when it is dropped.
    place: OwnedSemaphorePermit,
}

impl Job {
    /// Answers it. Who has the answer finds its place free.
    fn reply(self, answers: Option<Answers>) {
        drop(self.place);
        // An error: the client did not wait.
        let _ = self.answer.send(answers);
    }
}

/// What has no place in the queue.
pub(super) struct Full;

/// Takes requests for the thread that predicts. The thread ends, after all answers, when the last of these is dropped.
#[derive(Clone)]
pub(super) struct Queue {
    jobs: Sender<Job>,
    places: Arc<Semaphore>,
    how: Gathering,
}

impl Queue {
    /// Starts the thread. `open` is the number of open connections.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub(super) fn start(
        how: Gathering,
        open: Arc<AtomicUsize>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<(Queue, JoinHandle<()>)> {
        let (jobs, receiver) = channel();
        let gatherer = Gatherer { jobs: receiver, how, open, metrics };
        let thread =
            Builder::new().name("predict".to_owned()).spawn(move || with_threads(how.threads, || gatherer.run()))?;
        Ok((Queue { jobs, places: Arc::new(Semaphore::new(how.queued_rows)), how }, thread))
    }

    /// The answers for these inputs of `model`; `None` if it cannot predict them.
    ///
    /// # Errors
    /// If too many rows wait already.
    pub(super) async fn answer(&self, model: Arc<Model>, inputs: Vec<f32>) -> Result<Option<Answers>, Full> {
        let rows = inputs.len() / model.predictor.inputs();
        let place = self.places.clone().try_acquire_many_owned(rows as u32).map_err(|_| Full)?;
        let (answer, answered) = oneshot::channel();
        if self.jobs.send(Job { model, inputs, rows, answer, place }).is_err() {
            return Ok(None);
        }
        Ok(answered.await.ok().flatten())
    }

    /// Rows that wait for an answer.
    pub(super) fn queued_rows(&self) -> usize {
        self.how.queued_rows - self.places.available_permits()
    }
}

/// The thread that predicts.
struct Gatherer {
    jobs: Receiver<Job>,
    how: Gathering,
    open: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

impl Gatherer {
    fn run(self) {
        let mut next = None;
        while let Some(first) = next.take().or_else(|| self.jobs.recv().ok()) {
            let batch = self.gather(first, &mut next);
            self.answer(batch);
        }
    }

    /// The jobs that are predicted with `first`: those of its model that come until the time is over, the batch is full, or every
    /// open connection waits for an answer, as a connection has one request at a time. One that does not fit is left in `next`.
    fn gather(&self, first: Job, next: &mut Option<Job>) -> Vec<Job> {
        let (end, mut rows) = (Instant::now() + self.how.wait, first.rows);
        let mut batch = vec![first];
        while rows < self.how.most_rows {
            let is_all = batch.len() >= self.open.load(Relaxed);
            let left = if is_all { Duration::ZERO } else { end.saturating_duration_since(Instant::now()) };
            match self.jobs.recv_timeout(left) {
                Ok(job) if Arc::ptr_eq(&job.model, &batch[0].model) && rows + job.rows <= self.how.most_rows => {
                    rows += job.rows;
                    batch.push(job);
                }
                Ok(job) => {
                    *next = Some(job);
                    break;
                }
                Err(_) => break,
            }
        }
        // Of clients that did not wait.
        batch.retain(|job| !job.answer.is_closed());
        batch
    }

    fn answer(&self, batch: Vec<Job>) {
        let Some(first) = batch.first() else { return };
        let (model, rows) = (first.model.clone(), batch.iter().map(|job| job.rows).sum());
        match predict(&model, batch.iter().flat_map(|job| &job.inputs).copied().collect()) {
            Some(answers) => {
                self.metrics.count_batch(rows);
                let mut answers = answers.into_iter();
                for job in batch {
                    let answers = answers.by_ref().take(job.rows).collect();
                    job.reply(Some(Answers { answers, model: model.number }));
                }
            }
            // Each by itself, so that one does not spoil the others.
            None if batch.len() > 1 => batch.into_iter().for_each(|job| self.answer(vec![job])),
            None => batch.into_iter().for_each(|job| job.reply(None)),
        }
    }
}

/// `None` if the network's outputs are not finite.
fn predict(model: &Model, inputs: Vec<f32>) -> Option<Vec<Answer>> {
    let width = model.predictor.inputs();
    let x = Tensor::new([inputs.len() / width, width], inputs);
    catch_unwind(AssertUnwindSafe(|| model.predictor.predict(&x))).ok()
}
