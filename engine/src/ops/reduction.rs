//! Arrays seen as runs along some axes: what is gathered along each run, and what is spread over it again.

use std::ops::Range;

use smallvec::SmallVec;

use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Elementwise, map_slices};
use crate::kernels::reduce::LANES;
use crate::ops::axes::{reduced_shape, resolve};
use crate::threads::{GRAIN, Rows, available, for_each_part, waiting};
use crate::{Operation, Real, Shape, Var};

/// Runs of `length` elements that are `inner` apart; `inner` of them lie side by side in a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Runs {
    pub(crate) length: usize,
    pub(crate) inner: usize,
}

impl Runs {
    /// The runs along one axis, counted from the front.
    pub(crate) fn along(shape: &[usize], axis: usize) -> Runs {
        Runs { length: shape[axis], inner: shape[axis + 1..].iter().product() }
    }

    /// The runs along `axes`, or `None` if others lie between them.
    fn along_all(shape: &[usize], axes: &[usize]) -> Option<Runs> {
        let length = axes.iter().map(|&axis| shape[axis]).product();
        let long = || (0..shape.len()).filter(|&axis| shape[axis] != 1);
        let Some(last) = long().rfind(|axis| axes.contains(axis)) else {
            return Some(Runs { length, inner: 1 });
        };
        let before = long().take_while(|&axis| axis <= last).skip_while(|axis| !axes.contains(axis));
        let together = before.clone().all(|axis| axes.contains(&axis));
        together.then(|| Runs { length, inner: shape[last + 1..].iter().product() })
    }

    /// Elements of a block.
    pub(crate) fn block(self) -> usize {
        self.length * self.inner
    }

    /// Calls `visit` with ranges of blocks of an array of so many runs and with the parts of `out` that belong to them,
    /// possibly at the same time: `out` has so many elements for each block.
    pub(crate) fn for_each_blocks<'a, T: Real>(
        self,
        runs: usize,
        (out, each): (&'a mut [T], usize),
        visit: &(dyn Fn(Range<usize>, Rows<'a, T>) + Sync),
    ) {
        if runs > 0 {
            let grain = GRAIN.div_ceil(self.block().max(1));
            for_each_part(Rows::new(out, each), runs / self.inner, grain, 1, visit);
        }
    }

    /// The elements of some blocks.
    pub(crate) fn elements(self, blocks: &Range<usize>) -> Range<usize> {
        blocks.start * self.block()..blocks.end * self.block()
    }

    /// The runs of some blocks.
    pub(crate) fn runs(self, blocks: &Range<usize>) -> Range<usize> {
        blocks.start * self.inner..blocks.end * self.inner
    }
}

/// Which axes a reduction is over, and whether they stay with length 1.
#[derive(Clone, Copy)]
pub(crate) enum Over<'a> {
    All,
    Axes(&'a [isize], bool),
}

impl Over<'_> {
    /// The axes, counted from the front and sorted.
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[track_caller]
    pub(crate) fn resolve(self, name: &str, shape: &[usize]) -> Shape {
        match self {
            Over::All => (0..shape.len()).collect(),
            Over::Axes(axes, _) => resolve(name, axes, shape),
        }
    }

    fn keep(self) -> bool {
        matches!(self, Over::Axes(_, true))
    }
}

/// Records an operation along runs, whose first output has an element for each run, and whose other ones have, too.
/// Axes that are apart are brought together by a permutation first.
///
/// # Panics
/// If there is no such axis, or one is named twice.
#[track_caller]
pub(crate) fn record<'t, T: Real, O: Operation<T> + Copy + 't, const N: usize>(
    name: &str,
    x: Var<'t, T>,
    over: Over<'_>,
    operation: impl FnOnce(Runs) -> O,
) -> [Var<'t, T>; N] {
    let axes = over.resolve(name, x.shape());
    let shape = reduced_shape(x.shape(), &axes, over.keep());
    let (x, runs) = match Runs::along_all(x.shape(), &axes) {
        Some(runs) => (x, runs),
        None => {
            let kept = (0..x.shape().len()).filter(|axis| !axes.contains(axis));
            let order: SmallVec<[isize; 6]> = kept.chain(axes.iter().copied()).map(|axis| axis as isize).collect();
            let length = axes.iter().map(|&axis| x.shape()[axis]).product();
            (x.permute(&order), Runs { length, inner: 1 })
        }
    };
    x.tape().record(operation(runs), &[x], [(); N].map(|()| &shape))
}

/// What is gathered along a run, an element at a time.
pub(crate) trait Gather<T>: Copy + Send + Sync {
    type State: Copy + Send;

    fn start(self) -> Self::State;

    /// Takes `x` in; `about` is a number of the run that is known already.
    fn take<S: Simd>(self, state: Self::State, x: T, about: T) -> Self::State;

    /// Of two parts of a run.
    fn merge(self, a: Self::State, b: Self::State) -> Self::State;

    fn finish<S: Simd>(self, state: Self::State, about: T) -> T;
}

/// For each run: `out` is what its elements give, and is `about` before. The same bits for any number of threads.
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

/// Elements from which on a single run is cut into parts.
const LONG: usize = 4 * GRAIN;

/// A long run, halved in places that depend on its length alone.
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

/// `target[i] = f(x[i], a[run], b[run])` for the elements of every run, or `+=`.
pub(crate) fn spread<T: Real, F: Elementwise<T, 3>>(
    f: F,
    runs: Runs,
    x: &[T],
    [a, b]: [&[T]; 2],
    target: &mut [T],
    write: Write,
) {
    runs.for_each_blocks(a.len(), (target, runs.block()), &|blocks, target| {
        let runs_here = runs.runs(&blocks);
        let of_run = [a, b].map(|a| &a[runs_here.clone()]);
        dispatch(Spread { f, runs, x: &x[runs.elements(&blocks)], of_run, target: target.data, write });
    });
}

struct Spread<'a, T, F> {
    f: F,
    runs: Runs,
    x: &'a [T],
    of_run: [&'a [T]; 2],
    target: &'a mut [T],
    write: Write,
}

impl<T: Real, F: Elementwise<T, 3>> Kernel for Spread<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Spread { f, runs: Runs { length, inner }, x, of_run: [a, b], target, write } = self;
        if length == 0 {
            return;
        }
        if inner == 1 {
            let runs = x.chunks_exact(length).zip(target.chunks_exact_mut(length));
            for ((x, target), (&a, &b)) in runs.zip(a.iter().zip(b)) {
                map_slices::<S, _, _, 1>(OfRun(f, a, b), [x], target, write);
            }
            return;
        }
        let rows = x.chunks_exact(inner).zip(target.chunks_exact_mut(inner));
        for (row, (x, target)) in rows.enumerate() {
            let first = row / length * inner;
            map_slices::<S, _, _, 3>(f, [x, &a[first..][..inner], &b[first..][..inner]], target, write);
        }
    }
}

/// A function whose second and third argument are the same along the run.
#[derive(Clone, Copy)]
struct OfRun<F, T>(F, T, T);

impl<T: Real, F: Elementwise<T, 3>> Elementwise<T, 1> for OfRun<F, T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        self.0.apply::<S>([x, self.1, self.2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_that_lie_together_are_runs() {
        let runs = |axes: &[usize]| Runs::along_all(&[2, 1, 3, 4, 1], axes);
        assert_eq!(runs(&[2]), Some(Runs { length: 3, inner: 4 }));
        assert_eq!(runs(&[0, 2]), Some(Runs { length: 6, inner: 4 }));
        assert_eq!(runs(&[2, 3]), Some(Runs { length: 12, inner: 1 }));
        assert_eq!(runs(&[0, 1, 2, 3, 4]), Some(Runs { length: 24, inner: 1 }));
        assert_eq!(runs(&[0, 3]), None);
        assert_eq!(runs(&[1]), Some(Runs { length: 1, inner: 1 }));
        assert_eq!(runs(&[]), Some(Runs { length: 1, inner: 1 }));
        assert_eq!(Runs::along_all(&[], &[]), Some(Runs { length: 1, inner: 1 }));
    }

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
