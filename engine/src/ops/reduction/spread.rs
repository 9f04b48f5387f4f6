//! Broadcasts one number per run over the run's elements.

use super::Runs;
use crate::Real;
use crate::kernels::Write;
use crate::kernels::chain::is_special;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Elementwise, map_slices};

/// `target[i] = f(x[i], a[run], b[run])` for the elements of every run, or `+=`. If f is chained, b is the adjoint.
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

/// A function whose second and third arguments are constant along the run.
#[derive(Clone, Copy)]
struct OfRun<F, T>(F, T, T);

impl<T: Real, F: Elementwise<T, 3>> Elementwise<T, 1> for OfRun<F, T> {
    const IS_CHAINED: bool = F::IS_CHAINED;

    #[inline(always)]
    fn is_chained(self) -> bool {
        F::IS_CHAINED && is_special(self.2)
    }

    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        self.0.apply::<S>([x, self.1, self.2])
    }

    #[inline(always)]
    fn chained<S: Simd>(self, [x]: [T; 1]) -> T {
        self.0.chained::<S>([x, self.1, self.2])
    }
}
