//! Random bytes, damaged files and malicious files: every reader returns a value or an error, and takes at most 16
//! times the file's size plus 1 MiB of memory, including the file's own bytes.
//!
//! By default, each reader gets some hundred thousand inputs. `ELBO_STRINGS=2000000 cargo test --release -p elbo --test suite
//! readers_survive_anything:: -- --nocapture` gives it two million, in minutes, and prints the peak memory.

mod archive;
mod bombs;
mod checkpoints;
mod damage;
mod data_sets;
mod limits;
mod memory;
mod tables;
mod tensors;

use std::fmt::Display;
use std::time::{Duration, Instant};

use crate::own_process::peak;
use damage::Random;

/// The number of inputs for each reader, unless `ELBO_STRINGS` sets another.
const STRINGS: u64 = 200_000;

/// One in this many seeds is a large file that compresses well.
const LARGE: u64 = 5_000;

fn strings() -> u64 {
    let number = std::env::var("ELBO_STRINGS").ok();
    number.map_or(STRINGS, |number| number.parse().expect("ELBO_STRINGS is a number"))
}

/// Reads input after input, and checks that at least one in `one_in` can be read, since otherwise the inputs would only
/// test a reader's first check. A reader takes at most `own` bytes beside 16 times the file.
fn survive<E: Display>(
    name: &str,
    own: usize,
    one_in: u64,
    mut string: impl FnMut(&mut Random, u64) -> Vec<u8>,
    mut read: impl FnMut(&[u8]) -> Result<(), E>,
) {
    let strings = strings();
    let mut random = Random::new(strings);
    let (mut whole, mut largest, mut worst, mut slowest) = (0, 0, 0.0f64, Duration::ZERO);
    for i in 0..strings {
        let bytes = string(&mut random, i);
        let start = Instant::now();
        let (outcome, peak) = peak(|| read(&bytes));
        slowest = slowest.max(start.elapsed());
        let limit = memory::RATIO * bytes.len() + own;
        if peak > limit {
            let outcome = outcome.map_err(|error| error.to_string());
            panic!("{name}: {peak} bytes for string {i}, a file of {}, which gave {outcome:?}", bytes.len());
        }
        largest = largest.max(peak);
        worst = worst.max(peak as f64 / limit as f64);
        match outcome {
            Ok(()) => whole += 1,
            // Only now and then, to save time.
            Err(error) if i % 64 == 0 => assert!(error.to_string().contains("file"), "{name}: {error}"),
            Err(_) => {}
        }
    }
    println!(
        "{name}: {strings} strings, {whole} of them read; at most {largest} bytes, at most {:.0} % of what is allowed; \
         the slowest took {slowest:.1?}",
        100.0 * worst
    );
    assert!(whole > strings / one_in, "{name}: only {whole} files were whole enough to be read");
}
