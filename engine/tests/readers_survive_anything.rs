//! Random bytes and damaged files: every reader gives a tensor or an error, and allocates no more than the file holds.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::Random;
use elbo_engine::Tensor;
use elbo_engine::io::npz::{self, Npz, Packing};
use elbo_engine::io::safetensors::{self, Safetensors};
use elbo_engine::io::{FileError, npy};

/// What each reader survives in the ordinary tests; ten times as much in the ignored ones, which are to be run in release.
const STRINGS: u64 = 1_000_000;

/// The most bytes of memory for one of the file.
const RATIO: usize = 16;

/// What a shorter file may take all the same: a message names the file and what is wrong.
const SHORT: usize = 32;

/// The system's allocator, which remembers the largest allocation of each thread.
struct Watched;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

fn note(size: usize) {
    LARGEST.set(LARGEST.get().max(size));
}

// SAFETY: every call goes to the system's allocator unchanged; a cell of a number is all that is touched besides.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: required of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: required of the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: required of the caller.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: required of the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static WATCHED: Watched = Watched;

/// How many of the inputs were read.
fn survive(strings: u64, seeds: &[Vec<u8>], read: fn(Vec<u8>) -> Result<(), FileError>) -> u64 {
    let mut random = Random::new(strings);
    let mut whole = 0;
    let mut worst = 0.0f64;
    for i in 0..strings {
        let bytes = if i % 4 == 0 { noise(&mut random, seeds) } else { damaged(&mut random, seeds) };
        let length = bytes.len();
        LARGEST.set(0);
        let outcome = read(bytes);
        let largest = LARGEST.get();
        assert!(
            largest <= RATIO * length.max(SHORT),
            "{largest} bytes at once for string {i}, a file of {length}, which gave {outcome:?}"
        );
        worst = worst.max(largest as f64 / length.max(SHORT) as f64);
        match outcome {
            Ok(()) => whole += 1,
            // Now and then: it is the message that is tested here, not the machine.
            Err(error) if i % 64 == 0 => assert!(error.to_string().starts_with("file"), "{error}"),
            Err(_) => {}
        }
    }
    println!("{strings} strings, {whole} of them read; at most {worst:.1} bytes allocated at once for one of the file");
    whole
}

/// Any bytes, behind the beginning of a file or alone.
fn noise(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let seed = &seeds[random.below(seeds.len())];
    let start = if random.below(2) == 0 { 0 } else { random.below(seed.len()) };
    let mut bytes = seed[..start].to_vec();
    bytes.extend((0..random.below(120)).map(|_| random.below(256) as u8));
    bytes
}

/// A file with some changes.
fn damaged(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len().max(1));
        let to = at + random.below(20).min(bytes.len().saturating_sub(at));
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..to)),
            2 => {
                let copy = bytes[at..to].to_vec();
                bytes.splice(at..at, copy.iter().copied().cycle().take(copy.len() * random.below(8)));
            }
            3 => {
                let other = &seeds[random.below(seeds.len())];
                bytes.extend_from_slice(&other[random.below(other.len())..]);
            }
            4 => bytes[at..to].fill(0xff),
            5 => bytes[at..to].fill(b'9'),
            6 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ if at < bytes.len() => bytes[at] = random.below(256) as u8,
            _ => bytes.push(0),
        }
    }
    bytes
}

fn tensors() -> (Tensor<f32>, Tensor<f64>, Tensor<f64>) {
    (Tensor::from_fn([3, 4], |i| i as f64), Tensor::full([], 0.1), Tensor::zeros([7, 0, 2]))
}

fn survive_npy(strings: u64) {
    let (a, b, c) = tensors();
    let mut seeds = vec![npy::to_bytes(&a), npy::to_bytes(&b), npy::to_bytes(&c)];
    let mut with = |description: &str, data: usize| {
        let header = format!("{{'descr': {description}, }}");
        let length = (header.len() as u16).to_le_bytes();
        seeds.push([b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &vec![1; data]].concat());
    };
    with("'|b1', 'fortran_order': True, 'shape': (40, 50)", 2000);
    with("'>i8', 'fortran_order': True, 'shape': (2, 3)", 48);
    with("'<f2', 'fortran_order': False, 'shape': (9,)", 18);
    let whole = survive(strings, &seeds, |bytes| npy::from_bytes::<f64>("file.npy", &bytes).map(drop));
    assert!(whole > strings / 100, "only {whole} files were whole enough to be read");
}

fn survive_npz(strings: u64) {
    let (_, b, c) = tensors();
    let a = Tensor::<f64>::zeros([40]);
    let pack = |packing| npz::to_bytes([("a", &a), ("b", &b), ("empty", &c)], packing);
    let seeds = [pack(Packing::Stored), pack(Packing::Deflated), npz::to_bytes([("b", &b)], Packing::Deflated)];
    let whole = survive(strings, &seeds, |bytes| {
        let npz = Npz::from_bytes("file.npz", bytes)?;
        // All, whatever is wrong with one.
        let outcomes = npz.names().map(|name| npz.tensor::<f64>(name).map(drop)).collect::<Vec<_>>();
        outcomes.into_iter().collect()
    });
    assert!(whole > strings / 200, "only {whole} files were whole enough to be read");
}

fn survive_safetensors(strings: u64) {
    let (_, b, c) = tensors();
    let a = Tensor::<f64>::zeros([4, 5]);
    let seeds = [
        safetensors::to_bytes([("a", &a), ("b", &b), ("empty", &c)], [("key", "text")]),
        safetensors::to_bytes([("b", &b)], []),
    ];
    let whole = survive(strings, &seeds, |bytes| {
        let file = Safetensors::from_bytes("file.safetensors", bytes)?;
        let outcomes = file.names().map(|name| file.tensor::<f64>(name).map(drop)).collect::<Vec<_>>();
        outcomes.into_iter().collect()
    });
    assert!(whole > strings / 100, "only {whole} files were whole enough to be read");
}

#[test]
fn npy_survives_anything() {
    survive_npy(STRINGS);
}

#[test]
fn npz_survives_anything() {
    survive_npz(STRINGS);
}

#[test]
fn safetensors_survives_anything() {
    survive_safetensors(STRINGS);
}

#[test]
#[ignore = "minutes; to be run in release"]
fn npy_survives_ten_million() {
    survive_npy(10 * STRINGS);
}

#[test]
#[ignore = "minutes; to be run in release"]
fn npz_survives_ten_million() {
    survive_npz(10 * STRINGS);
}

#[test]
#[ignore = "minutes; to be run in release"]
fn safetensors_survives_ten_million() {
    survive_safetensors(10 * STRINGS);
}

/// What random changes do not find: headers made to make a reader allocate.
#[test]
fn hostile_headers_allocate_no_more() {
    let measure = |bytes: Vec<u8>| {
        let length = bytes.len();
        LARGEST.set(0);
        let outcome = Safetensors::from_bytes("file.safetensors", bytes).map(drop);
        assert!(LARGEST.get() <= RATIO * length, "{} bytes for {length}", LARGEST.get());
        outcome
    };
    let file = |header: String| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    for count in [1000, 1025, 33_000] {
        let nested = format!(r#"{{"a":{{"dtype":"U8","shape":[{}0],"data_offsets":[0,0]}}}}"#, "0,".repeat(count));
        measure(file(nested)).unwrap();
        let entries = (0..count).map(|i| format!(r#""{i:x}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#));
        measure(file(format!("{{{}}}", entries.collect::<Vec<_>>().join(",")))).unwrap();
        let texts = (0..count).map(|i| format!(r#""{i:x}":"""#)).collect::<Vec<_>>().join(",");
        measure(file(format!(r#"{{"__metadata__":{{{texts}}}}}"#))).unwrap();
        assert!(measure(file(format!(r#"{{"a":{}"#, "[".repeat(count)))).is_err());
    }
}
