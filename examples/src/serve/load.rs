//! Measures a service, this or another with the same requests: a number of connections, each of which sends a request when it has the
//! answer to the one before.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use elbo::prelude::*;
use serde::Serialize;

use super::client::Client;
use crate::Failure;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Answers with status 200.
    pub answers: usize,
    /// Other answers, and connections that broke.
    pub errors: usize,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Answers in a second.
    pub per_second: f64,
    /// Median latency.
    pub p50_ms: f64,
    /// The latency that one in a hundred exceeds.
    pub p99_ms: f64,
    /// The largest latency.
    pub most_ms: f64,
}

/// The bodies of requests with one row each.
pub fn bodies(pixels: &Tensor) -> Vec<Vec<u8>> {
    let width = pixels.shape()[1];
    let rows = pixels.data().chunks(width);
    rows.map(|row| {
        let numbers: Vec<String> = row.iter().map(f32::to_string).collect();
        format!("{{\"rows\":[[{}]]}}", numbers.join(",")).into_bytes()
    })
    .collect()
}

/// Sends `requests` requests over some connections, with these bodies in turn.
///
/// # Errors
/// If nobody listens at the address.
pub fn measure(
    address: SocketAddr,
    bodies: &[Vec<u8>],
    requests: usize,
    connections: usize,
) -> Result<Measured, Failure> {
    let clients: std::io::Result<Vec<Client>> = (0..connections).map(|_| Client::connect(address)).collect();
    let clients = clients
        .map_err(|error| Failure::Input(format!("cannot connect to {address}: {error}; is the service running?")))?;
    let (next, start) = (AtomicUsize::new(0), Instant::now());
    let found: Vec<(Vec<f64>, usize)> = std::thread::scope(|scope| {
        let of = |client| scope.spawn(|| send(client, bodies, &next, requests));
        let threads: Vec<_> = clients.into_iter().map(of).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    let mut latencies: Vec<f64> = found.iter().flat_map(|(latencies, _)| latencies).copied().collect();
    latencies.sort_by(f64::total_cmp);
    let answers = latencies.len();
    // The ⌈n · share⌉-th smallest.
    let quantile = |share: f64| {
        let place = (answers as f64 * share).ceil() as usize;
        latencies.get(place.max(1) - 1).copied().unwrap_or(f64::NAN)
    };
    Ok(Measured {
        answers,
        errors: found.iter().map(|(_, errors)| errors).sum(),
        seconds,
        per_second: answers as f64 / seconds,
        p50_ms: quantile(0.5),
        p99_ms: quantile(0.99),
        most_ms: quantile(1.0),
    })
}

/// Latencies in milliseconds of what was answered, and the number of what was not.
fn send(mut client: Client, bodies: &[Vec<u8>], next: &AtomicUsize, requests: usize) -> (Vec<f64>, usize) {
    let (mut latencies, mut errors) = (Vec::new(), 0);
    loop {
        let index = next.fetch_add(1, Relaxed);
        if index >= requests {
            return (latencies, errors);
        }
        let start = Instant::now();
        match client.send("POST", "/predict", &bodies[index % bodies.len()]) {
            Ok(reply) if reply.status == 200 => latencies.push(1e3 * start.elapsed().as_secs_f64()),
            Ok(_) => errors += 1,
            Err(_) => return (latencies, errors + 1),
        }
    }
}
