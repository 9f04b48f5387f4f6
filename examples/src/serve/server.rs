//! `Server`: the service, started and stopped.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use elbo::with_threads;
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;

use super::batches::{Gathering, Queue};
use super::connections::serve;
use super::metrics::Metrics;
use super::model::Current;
use super::routes::{Limits, Shared, router};
use super::watch::{version, watch};
use super::{Calibration, Predictor};
use crate::Failure;

/// Threads that read requests and write answers.
const WORKERS: usize = 2;

/// Options of a service.
#[derive(Clone, Debug)]
pub struct Options {
    /// The model's file.
    pub file: PathBuf,
    /// Where to listen; with port 0 at any free port.
    pub address: SocketAddr,
    /// How predictions are made and calibrated.
    pub calibration: Calibration,
    /// The longest time that a request waits for others, to be predicted with them.
    pub wait: Duration,
    /// The most rows of a request and of a batch.
    pub most_rows: usize,
    /// The most rows that wait for an answer.
    pub queued_rows: usize,
    /// The most bytes of a body.
    pub most_bytes: usize,
    /// The most connections at a time.
    pub connections: usize,
    /// A client's time to send a request, and to read an answer.
    pub patience: Duration,
    /// The time between looks at the model's file.
    pub watch: Duration,
    /// Threads of a prediction.
    pub threads: usize,
}

/// A service that runs.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Loads the model and listens.
    ///
    /// # Errors
    /// If the queue is shorter than a request may be, the model cannot be loaded, or the address cannot be had.
    pub fn start(options: &Options) -> Result<Server, Failure> {
        let (queue, rows) = (options.queued_rows, options.most_rows);
        if queue < rows {
            return Err(Failure::Input(format!(
                "--queue {queue} is less than --rows {rows}: a request of so many rows would never find a place; raise --queue or lower \
                 --rows"
            )));
        }
        let file = options.file.clone().into();
        let known = version(&options.file);
        let open = || Predictor::open(&options.file, &options.calibration);
        let current = Arc::new(Current::new(with_threads(options.threads, open)?));
        let not_bound = |error| Failure::Input(format!("cannot listen at {}: {error}", options.address));
        let listener = std::net::TcpListener::bind(options.address).map_err(not_bound)?;
        listener.set_nonblocking(true).map_err(not_bound)?;
        let address = listener.local_addr().map_err(not_bound)?;

        let (metrics, open) = (Arc::new(Metrics::default()), Arc::new(AtomicUsize::new(0)));
        let gathering = Gathering {
            wait: options.wait,
            most_rows: options.most_rows,
            queued_rows: options.queued_rows,
            threads: options.threads,
        };
        let (queue, predicting) = Queue::start(gathering, open.clone(), metrics.clone()).map_err(not_started)?;
        let shared = Arc::new(Shared {
            file,
            current: current.clone(),
            metrics: metrics.clone(),
            queue,
            calibration: options.calibration,
            limits: Limits { bytes: options.most_bytes, rows: options.most_rows, patience: options.patience },
            open,
            is_stopping: AtomicBool::new(false),
        });
        let runtime = runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
        let runtime: Runtime = runtime.map_err(not_started)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (every, how, threads, most) = (options.watch, options.calibration, options.threads, options.connections);
        let work = move || {
            runtime.block_on(async {
                tokio::spawn(watch((shared.file.clone(), known), every, how, threads, (current, metrics)));
                match TcpListener::from_std(listener) {
                    Ok(listener) => serve(listener, router(shared.clone()), shared, most, stopped).await,
                    Err(error) => eprintln!("error: cannot listen: {error}"),
                }
            });
            // A file that is being loaded is not waited for.
            runtime.shutdown_timeout(Duration::ZERO);
            // The queue has gone with the runtime's tasks.
            let _ = predicting.join();
        };
        let thread = Builder::new().name("serve".to_owned()).spawn(work).map_err(not_started)?;
        Ok(Server { address, stop, thread })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops after all requests that have come are answered.
    pub fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

fn not_started(error: std::io::Error) -> Failure {
    Failure::Run(format!("the service cannot start: {error}").into())
}

/// Waits until the process is told to end: by Ctrl-C, or on Unix by SIGTERM. A second time ends it at once.
///
/// # Errors
/// If the system does not let it wait.
pub fn wait_for_signal() -> Result<(), Failure> {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(not_started)?;
    runtime.block_on(signal()).map_err(not_started)?;
    runtime.spawn(async {
        if signal().await.is_ok() {
            std::process::exit(130);
        }
    });
    // It waits for the second signal until the process ends.
    std::mem::forget(runtime);
    Ok(())
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut ended = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = ended.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
