//! Mutated bodies: 10,000, or as many as `ELBO_BODIES` says. Each is answered with JSON, and memory does not grow.

use std::time::Instant;

use elbo::Key;
use serde_json::Value;

use crate::common::{Scratch, answers, body, client, memory, metric, server};

/// What is put in the place of some bytes.
const TOKENS: [&str; 24] = [
    "NaN",
    "null",
    "1e999",
    "-1",
    "1e-400",
    "\"",
    "[",
    "]",
    "{",
    "}",
    "[[",
    "]]",
    ",",
    ":",
    "\\u0000",
    "\\ud800",
    "\u{1F600}",
    "\"rows\"",
    "true",
    "0.1234567890123456789012345678901234567890",
    "[[[[[[[[[[[[[[[[",
    "17",
    " ",
    "\n",
];

/// A body with some mutations.
fn mutated(body: &[u8], key: Key) -> Vec<u8> {
    let noise = key.philox();
    let mut words = (0..).flat_map(|block| noise.words(block)).map(|word| word as usize);
    let mut next = |below: usize| words.next().expect("they do not end") % below.max(1);
    let mut body = body.to_vec();
    for _ in 0..=next(4) {
        let (from, length) = (next(body.len()), next(40));
        let to = (from + length).min(body.len());
        match next(7) {
            0 if !body.is_empty() => body[from] ^= 1 << next(8),
            1 => body.truncate(from),
            2 => drop(body.drain(from..to)),
            3 => {
                let part = body[from..to].to_vec();
                body.splice(from..from, part.repeat(next(20)));
            }
            4 => {
                let token = TOKENS[next(TOKENS.len())].as_bytes();
                let until = if next(2) == 0 { to } else { from };
                body.splice(from..until, token.iter().copied());
            }
            5 => body.insert(from, next(256) as u8),
            _ => {
                let rows = [&body[..], &body[..]].concat();
                body = rows[from..].to_vec();
            }
        }
    }
    body
}

#[test]
fn mutated_bodies_are_answered() {
    let count: usize = std::env::var("ELBO_BODIES").ok().map_or(10_000, |count| count.parse().unwrap());
    let folder = Scratch::new("mutated");
    let server = server(&folder, |options| options.most_rows = 4);
    let (seeds, start) = ([body(0, 1), body(1, 3), b"{\"rows\":[[1,2],[3,4]]}".to_vec()], Instant::now());
    let warm = |from: usize, to: usize| {
        let mut connection = client(&server);
        let mut statuses = std::collections::BTreeMap::new();
        for index in from..to {
            let body = mutated(&seeds[index % seeds.len()], Key::new(1).index(index));
            let reply = connection.send("POST", "/predict", &body).unwrap_or_else(|error| panic!("{index}: {error}"));
            let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{index}: {error}"));
            let fits = match reply.status {
                200 => answer["answers"].is_array(),
                400 | 413 | 422 => answer["error"].is_string() && answer["message"].is_string(),
                _ => false,
            };
            assert!(fits, "{index}: {} {answer}", reply.status);
            *statuses.entry(reply.status).or_insert(0) += 1;
        }
        statuses
    };
    warm(0, 1000);
    let before = memory("VmRSS");
    let statuses = warm(1000, count.max(2000));
    println!("{statuses:?} in {:?}", start.elapsed());
    for status in [200, 400, 422] {
        assert!(statuses.contains_key(&status), "none was answered with {status}: {statuses:?}");
    }
    if let (Some(before), Some(after)) = (before, memory("VmRSS")) {
        // Other tests run in this process meanwhile.
        assert!(after < before + (40 << 20), "{} MB", (after - before) >> 20);
    }
    answers(&mut client(&server), &body(0, 1));
    assert_eq!(metric(&server, "serve_errors_total{kind=\"internal\"}"), 0.0);
    server.stop();
}
