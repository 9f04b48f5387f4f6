//! Accepts connections until the service stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::patient::Patient;
use super::routes::Shared;

/// The bytes of a request that are read at a time, and the most of its head.
const BUFFER: usize = 64 << 10;

/// The time for which a service that stops still accepts and answers, with `Connection: close`. A client that sends a request after
/// request learns in it that it must connect anew, before connections are closed that have no request.
const NOTICE: Duration = Duration::from_millis(300);

/// The pause after the system has refused a connection, for want of files, say.
const PAUSE: Duration = Duration::from_millis(50);

/// An open connection, counted.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn count(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Relaxed);
        Open(open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Serves connections, `most` at a time, until `stop` is over. Then answers what has been asked, and returns at the latest after the
/// clients' time to send and to read, once the queue is empty.
pub(super) async fn serve(listener: TcpListener, router: Router, shared: Arc<Shared>, most: usize, stop: impl Future) {
    let (graceful, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(most)));
    let patience = shared.limits.patience;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(BUFFER);
    let stop = async {
        stop.await;
        shared.stop();
        sleep(NOTICE).await;
    };
    tokio::pin!(stop);
    loop {
        let accepted = async {
            // Never closed. Further connections wait in the system's queue.
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (stream, place) = tokio::select! {
            (accepted, place) = accepted => match accepted {
                Ok((stream, _)) => (stream, place),
                Err(_) => {
                    sleep(PAUSE).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        // Answers are written whole.
        let _ = TcpStream::set_nodelay(&stream, true);
        let open = Open::count(&shared.open);
        let io = TokioIo::new(Patient::new(stream, patience));
        let connection = graceful.watch(http.serve_connection(io, TowerToHyperService::new(router.clone())));
        tokio::spawn(async move {
            // An error is the client's: it sent something else than HTTP, was too slow or went away.
            let _ = connection.await;
            drop((open, place));
        });
    }
    drop(listener);
    let closed = graceful.shutdown();
    tokio::pin!(closed);
    // Clients have their time; what is in the queue is answered however long its predictions take.
    while timeout(2 * patience, &mut closed).await.is_err() && shared.queue.queued_rows() > 0 {}
}
