//! Finding a tensor by name in a file of many takes nearly constant time.
//!
//! A separate program: it measures time, which other tests would disturb.

use std::time::{Duration, Instant};

use elbo_engine::Tensor;
use elbo_engine::io::FileError;
use elbo_engine::io::npz::{self, Npz, Packing};
use elbo_engine::io::safetensors::{self, Safetensors};

fn names(count: usize) -> Vec<String> {
    // Names of nested layers differ in the middle.
    (0..count).map(|i| format!("encoder.blocks.{i}.attention.weight.mean")).collect()
}

/// The shortest of three times in which all names are looked up.
fn fastest(names: &[String], ask: impl Fn(&str)) -> Duration {
    let time = |_| {
        let start = Instant::now();
        names.iter().for_each(|name| ask(name));
        start.elapsed()
    };
    (0..3).map(time).min().expect("three times")
}

/// Looking up eight times as many names must not take 64 times as long.
fn check(what: &str, time: impl Fn(usize) -> Duration) {
    let (few, many) = (time(5_000), time(40_000));
    println!("{what}: 5,000 in {few:?}, 40,000 in {many:?}");
    // The floor covers the noise of short measurements; 40,000 names took seconds with a linear search.
    assert!(many < 24 * few.max(Duration::from_millis(20)), "{what}: 5,000 took {few:?}, 40,000 took {many:?}");
}

#[test]
fn safetensors_finds_a_name_among_many() {
    let one = Tensor::<f32>::full([1], 1.0);
    check("safetensors", |count| {
        let names = names(count);
        let bytes = safetensors::to_bytes(names.iter().map(|name| (&name[..], &one)), []);
        let file = Safetensors::from_bytes("many", bytes).unwrap();
        fastest(&names, |name| assert_eq!(file.tensor::<f32>(name).unwrap(), one))
    });
}

#[test]
fn npz_finds_a_name_among_many() {
    let one = Tensor::<f32>::full([1], 1.0);
    check("npz", |count| {
        let names = names(count);
        let bytes = npz::to_bytes(names.iter().map(|name| (&name[..], &one)), Packing::Stored);
        let file = Npz::from_bytes("many", bytes).unwrap();
        fastest(&names, |name| assert_eq!(file.tensor::<f32>(name).unwrap(), one))
    });
}

#[test]
fn a_missing_name_is_reported_with_the_first_names_of_the_file() {
    let one = Tensor::<f32>::full([1], 1.0);
    let missing = |error: FileError| {
        let message = error.to_string();
        assert!(message.starts_with("many: no array `none`; there are [\"encoder.blocks."), "{message}");
        assert!(message.ends_with(".mean\"] and 39980 more"), "{message}");
    };
    let names = names(40_000);
    let tensors = || names.iter().map(|name| (&name[..], &one));
    let file = Safetensors::from_bytes("many", safetensors::to_bytes(tensors(), [])).unwrap();
    missing(file.tensor::<f32>("none").unwrap_err());
    let file = Npz::from_bytes("many", npz::to_bytes(tensors(), Packing::Stored)).unwrap();
    missing(file.tensor::<f32>("none").unwrap_err());
}
