//! Reductions along runs: folds the elements of each run into one number.

use super::Runs;
use crate::Real;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::reduce::LANES;
use crate::threads::{GRAIN, available, waiting};

/// A fold over the elements of a run.
pub(crate) trait Gather<T>: Copy + Send + Sync {
    type State: Copy + Send;

    fn start(self) -> Self::State;

    /// Adds `x` to the state; `about` is a number of the run that is already known, such as its maximum.
    fn take<S: Simd>(self, state: Self::State, x: T, about: T) -> Self::State;

    /// Merges the states of two parts of a run.
    fn merge(self, a: Self::State, b: Self::State) -> Self::State;

    fn finish<S: Simd>(self, state: Self::State, about: T) -> T;
}

/// Reduces each run: `out` holds `about` before and the result after. The same bits for any number of threads.
pub(crate) fn gather<T: Real, G: Gather<T>>(gather: G, runs: Runs, x: &[T], out: &mut [T]) {
    if runs.inner == 1 && runs.length > LONG {
        for (x, out) in x.chunks_exact(runs.length).zip(out) {
            let whole = |parallel| gather_long(gather, x, *out, parallel);
            let state = if available() > 1 { waiting(|| whole(true)) } else { whole(false) };
            *out = dispatch(Finish { gather, state, about: *out });
        }
        return;
    }
    runs.for_each_blocks(out.len(), (out, runs.inner), &|blocks, out| {
        dispatch(Blocks { gather, runs, x: &x[runs.elements(&blocks)], out: out.data });
    });
}

/// A single run with at least this many elements is split into parts.
const LONG: usize = 4 * GRAIN;

/// A long run, halved at positions that depend only on its length.
fn gather_long<T: Real, G: Gather<T>>(gather: G, x: &[T], about: T, parallel: bool) -> G::State {
    if x.len() <= GRAIN {
        return dispatch(Run { gather, x, about });
    }
    let (left, right) = x.split_at(x.len() / 2);
    let part = |x| move || gather_long(gather, x, about, parallel);
    let (left, right) = if parallel { rayon::join(part(left), part(right)) } else { (part(left)(), part(right)()) };
    gather.merge(left, right)
}

struct Run<'a, T, G> {
    gather: G,
    x: &'a [T],
    about: T,
}

impl<T: Real, G: Gather<T>> Kernel for Run<'_, T, G> {
    type Output = G::State;

    #[inline(always)]
    fn run<S: Simd>(self) -> G::State {
        gather_run::<S, T, G>(self.gather, self.x, self.about)
    }
}

struct Finish<T, G: Gather<T>> {
    gather: G,
    state: G::State,
    about: T,
}

impl<T: Real, G: Gather<T>> Kernel for Finish<T, G> {
    type Output = T;

    #[inline(always)]
    fn run<S: Simd>(self) -> T {
        self.gather.finish::<S>(self.state, self.about)
    }
}

#[inline(always)]
fn gather_run<S: Simd, T: Real, G: Gather<T>>(gather: G, x: &[T], about: T) -> G::State {
    let mut lanes = [gather.start(); LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = gather.take::<S>(*lane, x, about);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = gather.take::<S>(*lane, x, about);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = gather.merge(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

struct Blocks<'a, T, G> {
    gather: G,
    runs: Runs,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real, G: Gather<T>> Kernel for Blocks<'_, T, G> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Blocks { gather, runs: Runs { length, inner }, x, out } = self;
        if inner == 1 {
            for (run, out) in out.iter_mut().enumerate() {
                let state = gather_run::<S, T, G>(gather, &x[run * length..][..length], *out);
                *out = gather.finish::<S>(state, *out);
            }
            return;
        }
        for (block, out) in out.chunks_exact_mut(inner).enumerate() {
            let x = &x[block * length * inner..][..length * inner];
            for (chunk, out) in out.chunks_mut(LANES).enumerate() {
                let mut lanes = [gather.start(); LANES];
                for x in x.chunks_exact(inner) {
                    let x = &x[chunk * LANES..][..out.len()];
                    for ((lane, &x), &about) in lanes.iter_mut().zip(x).zip(&*out) {
                        *lane = gather.take::<S>(*lane, x, about);
                    }
                }
                for (out, &lane) in out.iter_mut().zip(&lanes) {
                    *out = gather.finish::<S>(lane, *out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    struct Sum;

    impl Gather<f64> for Sum {
        type State = f64;

        fn start(self) -> f64 {
            0.0
        }

        fn take<S: Simd>(self, state: f64, x: f64, about: f64) -> f64 {
            state + x * about
        }

        fn merge(self, a: f64, b: f64) -> f64 {
            a + b
        }

        fn finish<S: Simd>(self, state: f64, about: f64) -> f64 {
            state + 0.5 * about
        }
    }

    #[test]
    fn every_element_is_gathered_once_in_any_arrangement() {
        for (outer, length, inner) in
            [(1, 5, 1), (3, 40, 1), (2, 7, 33), (4, 0, 3), (0, 3, 2), (3, 2, 0), (1, 300_000, 1)]
        {
            let x: Vec<f64> = (0..outer * length * inner).map(|i| (i % 11) as f64).collect();
            let mut out: Vec<f64> = (0..outer * inner).map(|run| (1 + run % 3) as f64).collect();
            let expected: Vec<f64> = (0..outer * inner)
                .map(|run| {
                    let at = |i: usize| x[(run / inner * length + i) * inner + run % inner];
                    ((0..length).map(at).sum::<f64>() + 0.5) * (1 + run % 3) as f64
                })
                .collect();
            gather(Sum, Runs { length, inner }, &x, &mut out);
            assert_eq!(out, expected, "{outer} × {length} × {inner}");
        }
    }

    #[test]
    fn a_long_run_has_the_same_bits_for_any_thread_count() {
        let x: Vec<f64> = (0..500_001).map(|i| f64::from(i).sin()).collect();
        let total = |threads| {
            crate::with_threads(threads, || {
                let mut out = [1.0];
                gather(Sum, Runs { length: x.len(), inner: 1 }, &x, &mut out);
                out[0].to_bits()
            })
        };
        assert_eq!(total(1), total(3));
    }
}
