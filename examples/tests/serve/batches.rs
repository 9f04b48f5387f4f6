//! Requests are gathered into batches.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use elbo_examples::serve::Server;

use crate::common::{Scratch, answers, body, client, metric, server};

/// Sends one row over each of eight connections at the same time, and returns how long that takes.
fn eight_at_once(server: &Server) -> Duration {
    let (mut clients, barrier) = ((0..8).map(|_| client(server)).collect::<Vec<_>>(), Barrier::new(8));
    // Each is accepted.
    clients.iter_mut().for_each(|client| assert_eq!(client.send("GET", "/health", b"").unwrap().status, 200));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for (row, client) in clients.iter_mut().enumerate() {
            let (body, barrier) = (body(row, 1), &barrier);
            scope.spawn(move || {
                barrier.wait();
                answers(client, &body);
            });
        }
    });
    start.elapsed()
}

#[test]
fn requests_at_the_same_time_are_one_batch_which_does_not_wait_when_all_have_asked() {
    let folder = Scratch::new("one-batch");
    let wait = Duration::from_secs(20);
    let server = server(&folder, |options| options.wait = wait);
    let took = eight_at_once(&server);
    assert!(took < wait / 2, "{took:?}");
    assert_eq!(metric(&server, "serve_batch_rows_count"), 1.0);
    assert_eq!(metric(&server, "serve_batch_rows_sum"), 8.0);
    assert_eq!(metric(&server, "serve_predict_seconds_count"), 8.0);
    assert_eq!(metric(&server, "serve_rows_total"), 8.0);
    server.stop();
}

#[test]
fn a_request_waits_for_other_connections_only_so_long() {
    let folder = Scratch::new("waits");
    let wait = Duration::from_millis(200);
    let server = server(&folder, |options| options.wait = wait);
    let idle = client(&server);
    let mut other = client(&server);
    assert_eq!(other.send("GET", "/health", b"").unwrap().status, 200);
    let start = Instant::now();
    answers(&mut other, &body(0, 1));
    assert!(start.elapsed() >= wait, "{:?}", start.elapsed());
    assert!(start.elapsed() < 20 * wait, "{:?}", start.elapsed());
    drop(idle);
    server.stop();
}

#[test]
fn a_batch_has_at_most_its_rows() {
    let folder = Scratch::new("at-most");
    let server = server(&folder, |options| (options.most_rows, options.wait) = (4, Duration::from_millis(100)));
    let idle = client(&server);
    eight_at_once(&server);
    drop(idle);
    let batches = metric(&server, "serve_batch_rows_count");
    assert!(batches >= 2.0, "{batches}");
    assert_eq!(metric(&server, "serve_batch_rows_bucket{le=\"4\"}"), batches);
    assert_eq!(metric(&server, "serve_batch_rows_sum"), 8.0);
    server.stop();
}
