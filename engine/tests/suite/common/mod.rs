//! Helpers of several tests: reproducible random numbers and shapes, and the list of operations.

// Each test binary uses only a part of it.
#![allow(dead_code)]

pub(crate) mod net;
pub(crate) mod panics;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use elbo_engine::{Adjoints, Evaluation, Operation, Tape, Tensor, Var};

/// A reproducible random generator for test data: S. Vigna's SplitMix64.
pub(crate) struct Random {
    state: u64,
    /// The shape that the first call of `shape` returns.
    first: Option<Vec<usize>>,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random { state: seed, first: None }
    }

    /// A generator whose first [`shape`](Random::shape) is this.
    pub(crate) fn beginning_with(seed: u64, shape: Vec<usize>) -> Self {
        Random { state: seed, first: Some(shape) }
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// An integer in `0..end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// A number in `from..to`.
    pub(crate) fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number of either sign with a magnitude from 0.2 to 1.5: away from kinks and poles at zero.
    pub(crate) fn signed(&mut self) -> f64 {
        let size = self.between(0.2, 1.5);
        if self.below(2) == 0 { size } else { -size }
    }

    /// A shape of rank 0 to 5. Axes have lengths 1 to 3, occasionally 0.
    pub(crate) fn shape(&mut self) -> Vec<usize> {
        if let Some(shape) = self.first.take() {
            return shape;
        }
        let rank = self.below(6);
        (0..rank).map(|_| if self.below(20) == 0 { 0 } else { 1 + self.below(3) }).collect()
    }

    /// A shape that broadcasts to `shape`: some axes are 1, some leading ones are missing.
    pub(crate) fn narrower(&mut self, shape: &[usize]) -> Vec<usize> {
        let missing = self.below(shape.len() + 1) * self.below(2);
        shape[missing..].iter().map(|&n| if self.below(3) == 0 { 1 } else { n }).collect()
    }

    pub(crate) fn tensor(&mut self, shape: &[usize]) -> Tensor<f64> {
        Tensor::from_fn(shape, |_| self.signed())
    }

    /// Numbers at least 0.2 apart, in random order: none are near a tie.
    pub(crate) fn apart(&mut self, shape: &[usize]) -> Tensor<f64> {
        let elements: usize = shape.iter().product();
        let mut places: Vec<usize> = (0..elements).collect();
        for i in (1..elements).rev() {
            places.swap(i, self.below(i + 1));
        }
        Tensor::from_fn(shape, |i| 0.3 * places[i] as f64 - 0.15 * elements as f64 + self.between(-0.05, 0.05))
    }

    pub(crate) fn positive(&mut self, shape: &[usize]) -> Tensor<f64> {
        Tensor::from_fn(shape, |_| self.between(0.2, 2.5))
    }
}

/// Asserts equal lengths, and elements within `tolerance` of each other; NaN is never within it.
#[track_caller]
pub(crate) fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance);
    assert!(near, "{found:?} is not within {tolerance:e} of {expected:?}");
}

/// [`elbo_engine::with_threads`] for one test at a time: while others use threads, a caller may get fewer than
/// requested.
pub(crate) fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    static HELD: Mutex<()> = Mutex::new(());
    let _held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    // On a busy machine, threads of a pool of another size may take long to end. A pool that was started once is kept.
    let is_found = |_| elbo_engine::with_threads(threads, elbo_engine::threads::available) == threads;
    assert!((0..100).any(is_found), "{threads} threads are not available");
    elbo_engine::with_threads(threads, work)
}

/// The names of all operations of a variable, read from the source: methods in `src/ops/`, rows of the tables that
/// macros expand, and operator traits.
pub(crate) fn operations() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops");
    let mut sources = Vec::new();
    read_sources(&folder, &mut sources);
    let mut names = operations_of_several(&sources);
    for source in &sources {
        let source = source.split("#[cfg(test)]").next().unwrap();
        let methods = source.split("pub fn ").skip(1).filter_map(|method| {
            let (head, arguments) = method.split_once('(')?;
            arguments.trim_start().starts_with("self").then(|| head.split('<').next().unwrap_or(head))
        });
        names.extend(methods.map(str::to_owned).filter(|name| !name.starts_with('$')));
        // A row of a table: `…, name, Rule: |x, y| value, slope;`
        let rows = source.lines().filter_map(|line| line.split_once(": |"));
        names.extend(rows.filter_map(|(head, _)| {
            let mut words = head.trim().rsplit(", ");
            let (_rule, name) = (words.next()?, words.next()?);
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_').then(|| name.to_owned())
        }));
    }
    names
}

/// Reads all files of a folder, recursively.
fn read_sources(folder: &Path, sources: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true => read_sources(&entry, sources),
            false => sources.push(std::fs::read_to_string(entry).unwrap()),
        }
    }
}

/// The names of functions of several variables: `pub fn name(parts: &[Var<'t, T>], ..`.
fn operations_of_several(sources: &[String]) -> BTreeSet<String> {
    let names = sources.iter().flat_map(|source| {
        let lines = source.lines().filter(|line| line.contains("&[Var<'t, T>]"));
        let names = lines.filter_map(|line| Some(line.trim().strip_prefix("pub fn ")?.split_once('(')?.0.to_owned()));
        names.collect::<Vec<_>>()
    });
    names.collect()
}

/// Asserts that `mistake` panics with a message that contains all these `words`.
#[track_caller]
pub(crate) fn panics<R>(words: &[&str], mistake: impl FnOnce() -> R) {
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(mistake)).err();
    let payload = payload.unwrap_or_else(|| panic!("no panic with {words:?}"));
    let formatted = payload.downcast_ref().map(String::as_str);
    let message = formatted.or_else(|| payload.downcast_ref().copied()).expect("a panic's payload is text");
    let missing = words.iter().find(|word| !message.contains(**word));
    assert!(missing.is_none(), "`{message}` does not contain `{}`", missing.unwrap());
}

/// A value with these draws, without a gradient.
pub(crate) fn draws_of<'t, const N: usize>(tape: &'t Tape<f64>, draws: &[[f64; N]]) -> Var<'t, f64> {
    #[derive(Clone, Copy)]
    struct Given<'t, const N: usize>(&'t [[f64; N]]);

    impl<const N: usize> Operation<f64> for Given<'_, N> {
        fn name(&self) -> &'static str {
            "given draws"
        }

        fn forward(&self, io: &mut Evaluation<'_, f64>) {
            let draw = io.draw();
            io.output(0).copy_from_slice(&self.0[draw]);
        }

        fn adjoint(&self, _: &mut Adjoints<'_, f64>) {}
    }

    let given = tape.alloc_slice(draws.len(), |draw| draws[draw]);
    tape.record_draws(draws.len(), Given(given), &[], [[N]])[0]
}
