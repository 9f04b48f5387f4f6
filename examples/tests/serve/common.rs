//! A small service, and its files.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use elbo::SaveParameters;
use elbo::data::{Examples, Images};
use elbo::prelude::*;
use elbo_examples::Classifier;
use elbo_examples::serve::client::{Client, Reply};
use elbo_examples::serve::train::Data;
use elbo_examples::serve::{Calibration, Method, Options, Saved, Server};
use serde_json::Value;

pub(crate) const DRAWS: usize = 8;
pub(crate) const SEED: u64 = 3;

/// Held-out images, which are the first.
const HELD_OUT: usize = 100;

/// A temporary folder, removed on drop.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        let folder = std::env::temp_dir().join(format!("elbo-serve-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn images() -> Images {
    Data::Digits.read(None).unwrap()
}

/// Pixels of some images, from image `first` on, as the body of a request.
pub(crate) fn body(first: usize, rows: usize) -> Vec<u8> {
    let images = images();
    let row = |row: usize| format!("{:?}", &images.pixels()[64 * row..][..64]);
    let rows: Vec<String> = (first..first + rows).map(row).collect();
    format!("{{\"rows\": [{}]}}", rows.join(",")).into_bytes()
}

/// Some images, with each pixel divided by `divisor`.
pub(crate) fn examples(rows: Range<usize>, divisor: f64) -> Examples {
    let all: Examples = images().examples(divisor).unwrap();
    let pixels = all.inputs().data()[64 * rows.start..64 * rows.end].to_vec();
    Examples::new(Tensor::new([rows.len(), 64], pixels), all.targets()[rows].to_vec()).unwrap()
}

/// Writes a network with random weights, which are as unsure as those of a short training.
pub(crate) fn save(file: &Path, seed: u64) {
    let mut network = Classifier::new([64, 16, 10], &Normal(0.0, 1.0)).initial_sd(|inputs| 1.0 / inputs as f64);
    network.initialise(Key::new(seed));
    Saved::new(network, &examples(0..HELD_OUT, 1.0), [16.0, 16.0]).save(file).unwrap();
}

pub(crate) fn options(file: &Path) -> Options {
    Options {
        file: file.to_owned(),
        address: "127.0.0.1:0".parse().unwrap(),
        calibration: Calibration { method: Method::Weights, draws: DRAWS, seed: SEED, miss: 0.1, unknown: 0.05 },
        wait: Duration::from_millis(2),
        most_rows: 16,
        queued_rows: 128,
        most_bytes: 1 << 20,
        connections: 64,
        patience: Duration::from_secs(20),
        watch: Duration::from_millis(20),
        threads: 2,
    }
}

/// A service of a network with random weights.
pub(crate) fn server(folder: &Scratch, change: impl FnOnce(&mut Options)) -> Server {
    let file = folder.file("model.safetensors");
    save(&file, 1);
    let mut options = options(&file);
    change(&mut options);
    Server::start(&options).unwrap()
}

pub(crate) fn client(server: &Server) -> Client {
    Client::connect(server.address()).unwrap()
}

/// Sends one request over a connection of its own.
#[track_caller]
pub(crate) fn send(server: &Server, method: &str, path: &str, body: &[u8]) -> Reply {
    client(server).send(method, path, body).unwrap()
}

/// Sends pixels, and expects answers.
#[track_caller]
pub(crate) fn answers(client: &mut Client, body: &[u8]) -> Value {
    let reply = client.send("POST", "/predict", body).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    serde_json::from_slice(&reply.body).unwrap()
}

/// A number of the metrics.
#[track_caller]
pub(crate) fn metric(server: &Server, name: &str) -> f64 {
    let text = send(server, "GET", "/metrics", b"").text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().unwrap()
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}: not after {:?}", start.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A number of this process's memory in bytes, such as `VmRSS`; `None` where the system does not say.
pub(crate) fn memory(name: &str) -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.split_whitespace().next()?.parse::<usize>().ok()? << 10)
}
