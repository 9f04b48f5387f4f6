//! A service that stops answers what it has been asked.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use elbo_examples::serve::client::Client;

use crate::common::{Scratch, answers, body, client, metric, server, until};

#[test]
fn no_request_is_lost_when_the_service_stops_under_load() {
    let folder = Scratch::new("stop");
    let server = server(&folder, |_| ());
    let (address, request, sent) = (server.address(), body(0, 1), AtomicUsize::new(0));
    let answered: usize = std::thread::scope(|scope| {
        let work = || {
            let (mut client, mut answered) = (Client::connect(address).unwrap(), 0);
            loop {
                sent.fetch_add(1, Relaxed);
                let reply = client.send("POST", "/predict", &request).expect("an answer");
                assert_eq!(reply.status, 200, "{}", reply.text());
                answered += 1;
                if reply.is_last() {
                    return answered;
                }
            }
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        until("under load", || sent.load(Relaxed) > 100);
        server.stop();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(answered, sent.load(Relaxed));
    assert!(Client::connect(address).is_err(), "it still listens");
}

#[test]
fn a_request_that_waits_in_the_queue_is_answered() {
    let folder = Scratch::new("queue");
    let server = server(&folder, |options| options.wait = Duration::from_secs(1));
    let _idle = client(&server);
    std::thread::scope(|scope| {
        let mut connection = client(&server);
        let waiting = scope.spawn(move || answers(&mut connection, &body(0, 2)));
        until("queued", || metric(&server, "serve_queued_rows") == 2.0);
        server.stop();
        assert_eq!(waiting.join().unwrap()["answers"].as_array().unwrap().len(), 2);
    });
}
