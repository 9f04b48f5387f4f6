//! Elementwise kernels: a function of `N` numbers applied to `N` slices.

use std::ops::Range;

use crate::Real;
use crate::kernels::chain::chain;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::threads::{GRAIN, Rows, for_each_part};

/// Whether a kernel sets its target's elements or adds to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Set every element; the previous contents are unspecified.
    Store,
    /// Add to every element.
    Add,
}

impl Write {
    /// Sets `target` to `part`, or adds `part` to it.
    #[inline(always)]
    pub fn put<T: Real>(self, part: T, target: &mut T) {
        *target = if self == Write::Store { part } else { *target + part };
    }

    /// Sets the elements of `target` to those of `parts`, which is as long, or adds them. For short slices: on the
    /// current thread.
    #[inline]
    pub fn put_all<T: Real>(self, parts: &[T], target: &mut [T]) {
        match (self, parts) {
            (Write::Store, &[part]) => target[0] = part,
            (Write::Store, _) => target.copy_from_slice(parts),
            (Write::Add, _) => target.iter_mut().zip(parts).for_each(|(target, &part)| *target += part),
        }
    }

    /// [`put_all`](Write::put_all) for elements that are not contiguous.
    #[inline(always)]
    pub(crate) fn put_each<'a, T: Real>(
        self,
        parts: impl Iterator<Item = &'a T>,
        targets: impl Iterator<Item = &'a mut T>,
    ) {
        match self {
            Write::Store => targets.zip(parts).for_each(|(target, &part)| *target = part),
            Write::Add => targets.zip(parts).for_each(|(target, &part)| *target += part),
        }
    }

    /// Sets every element of `target` to `part`, or adds it to each.
    #[inline]
    pub fn fill<T: Real>(self, part: T, target: &mut [T]) {
        match self {
            Write::Store => target.fill(part),
            Write::Add => target.iter_mut().for_each(|target| *target += part),
        }
    }

    /// Zeroes a `target` that is to be set, before parts are added to it.
    #[inline(always)]
    pub fn clear<T: Real>(self, target: &mut [T]) {
        if self == Write::Store {
            target.fill(T::ZERO);
        }
    }
}

/// A function of `N` numbers that is compiled for every SIMD level.
pub trait Elementwise<T, const N: usize>: Copy + Sync {
    /// Whether [`chained`](Elementwise::chained) differs from [`apply`](Elementwise::apply) where that is NaN. A flag costs
    /// less than the choices of [`chain`] for every element.
    const IS_CHAINED: bool = false;

    /// Whether this is so for this function: not if the adjoint is one number for all elements, finite and not 0.
    #[inline(always)]
    fn is_chained(self) -> bool {
        Self::IS_CHAINED
    }

    /// The function; implementations are `#[inline(always)]` and have no branches.
    fn apply<S: Simd>(self, x: [T; N]) -> T;

    /// The function where `apply` is NaN: an adjoint times a derivative, one of which is exactly 0.
    #[inline(always)]
    fn chained<S: Simd>(self, x: [T; N]) -> T {
        self.apply::<S>(x)
    }
}

/// `out[i] = f(inputs[0][i], …)`, or `+=`.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn map<T: Real, F: Elementwise<T, N>, const N: usize>(f: F, inputs: [&[T]; N], out: &mut [T], write: Write) {
    for input in inputs {
        assert!(input.len() == out.len(), "map: {} elements into {}", input.len(), out.len());
    }
    let len = out.len();
    for_each_part(Rows::new(out, 1), len, GRAIN, 64, &|range, out| {
        dispatch(Map { f, inputs: cut(inputs, range), out: out.data, write });
    });
}

/// `out[i] = a · x[i]`, or `+=`.
#[track_caller]
pub fn scale<T: Real>(a: T, x: &[T], out: &mut [T], write: Write) {
    map(Scale(a), [x], out, write);
}

/// x ↦ a · x.
#[derive(Clone, Copy, Debug)]
pub struct Scale<T>(pub T);

impl<T: Real> Elementwise<T, 1> for Scale<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        self.0 * x
    }
}

/// (g, slope) ↦ [`chain`](g, slope).
#[derive(Clone, Copy, Debug)]
pub struct Chain;

impl<T: Real> Elementwise<T, 2> for Chain {
    const IS_CHAINED: bool = true;

    #[inline(always)]
    fn apply<S: Simd>(self, [g, slope]: [T; 2]) -> T {
        g * slope
    }

    #[inline(always)]
    fn chained<S: Simd>(self, [g, slope]: [T; 2]) -> T {
        chain(g, slope)
    }
}

/// A constant.
#[derive(Clone, Copy, Debug)]
pub struct Constant<T>(pub T);

impl<T: Real> Elementwise<T, 0> for Constant<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, []: [T; 0]) -> T {
        self.0
    }
}

/// `values[i] = f(values[i])`.
pub fn map_in_place<T: Real, F: Elementwise<T, 1>>(f: F, values: &mut [T]) {
    let len = values.len();
    for_each_part(Rows::new(values, 1), len, GRAIN, 64, &|_, part| dispatch(InPlace { f, values: part.data }));
}

/// `values[r][c] = f(values[r][c], row[c])` for every row `r` of a matrix.
///
/// # Panics
/// If the number of elements is not a multiple of the row's.
#[track_caller]
pub fn map_rows<T: Real, F: Elementwise<T, 2>>(f: F, row: &[T], values: &mut [T]) {
    let (len, columns) = (values.len(), row.len());
    if len == 0 {
        return;
    }
    assert!(columns > 0 && len.is_multiple_of(columns), "map_rows: {len} elements do not make rows of {columns}");
    for_each_part(Rows::new(values, 1), len, GRAIN, columns, &|_, part| {
        dispatch(InPlaceRows { f, row, values: part.data });
    });
}

struct InPlace<'a, T, F> {
    f: F,
    values: &'a mut [T],
}

impl<T: Real, F: Elementwise<T, 1>> Kernel for InPlace<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for value in self.values {
            *value = self.f.apply::<S>([*value]);
        }
    }
}

struct InPlaceRows<'a, T, F> {
    f: F,
    row: &'a [T],
    values: &'a mut [T],
}

impl<T: Real, F: Elementwise<T, 2>> Kernel for InPlaceRows<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for values in self.values.chunks_exact_mut(self.row.len()) {
            for (value, &x) in values.iter_mut().zip(self.row) {
                *value = self.f.apply::<S>([*value, x]);
            }
        }
    }
}

struct Map<'a, T, F, const N: usize> {
    f: F,
    inputs: [&'a [T]; N],
    out: &'a mut [T],
    write: Write,
}

impl<T: Real, F: Elementwise<T, N>, const N: usize> Kernel for Map<'_, T, F, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        map_slices::<S, T, F, N>(self.f, self.inputs, self.out, self.write);
    }
}

/// The loop of [`map`], for kernels that run it many times: on the current thread, at the kernel's own level.
///
/// # Panics
/// If an input is shorter than `out`.
#[inline(always)]
pub fn map_slices<S: Simd, T: Real, F: Elementwise<T, N>, const N: usize>(
    f: F,
    inputs: [&[T]; N],
    out: &mut [T],
    write: Write,
) {
    let inputs = cut(inputs, 0..out.len());
    if F::IS_CHAINED && f.is_chained() {
        match write {
            Write::Store => store_chained::<S, T, F, N>(f, inputs, out),
            Write::Add => {
                let mut parts = [T::ZERO; BLOCK];
                for from in (0..out.len()).step_by(BLOCK) {
                    let to = out.len().min(from + BLOCK);
                    let parts = &mut parts[..to - from];
                    store_chained::<S, T, F, N>(f, cut(inputs, from..to), parts);
                    out[from..to].iter_mut().zip(parts).for_each(|(out, &mut part)| *out += part);
                }
            }
        }
        return;
    }
    match write {
        Write::Store => {
            for (i, out) in out.iter_mut().enumerate() {
                *out = f.apply::<S>(each(inputs, i));
            }
        }
        Write::Add => {
            for (i, out) in out.iter_mut().enumerate() {
                *out += f.apply::<S>(each(inputs, i));
            }
        }
    }
}

/// Parts that are added are first computed for this many elements, within the first-level cache.
const BLOCK: usize = 256;

/// `out[i] = f(inputs[0][i], …)` of a chained function.
#[inline(always)]
fn store_chained<S: Simd, T: Real, F: Elementwise<T, N>, const N: usize>(f: F, inputs: [&[T]; N], out: &mut [T]) {
    let mut found = false;
    for (i, out) in out.iter_mut().enumerate() {
        *out = f.apply::<S>(each(inputs, i));
        found |= out.is_nan();
    }
    if found {
        for (i, out) in out.iter_mut().enumerate() {
            if out.is_nan() {
                *out = f.chained::<S>(each(inputs, i));
            }
        }
    }
}

/// Element `i` of every slice.
///
/// Equivalent to `inputs.map(..)`, which would instantiate ten functions per closure: with a few hundred operations at
/// three levels, they would dominate compile time.
#[inline(always)]
pub(crate) fn each<T: Real, const N: usize>(inputs: [&[T]; N], i: usize) -> [T; N] {
    let mut elements = [T::ZERO; N];
    let mut k = 0;
    while k < N {
        elements[k] = inputs[k][i];
        k += 1;
    }
    elements
}

/// The same part of every slice, by a loop: `map` of arrays would be compiled to ten functions for each use.
///
/// # Panics
/// If a slice is shorter.
#[inline(always)]
#[track_caller]
pub fn cut<T: Real, const N: usize>(inputs: [&[T]; N], range: Range<usize>) -> [&[T]; N] {
    let mut parts = inputs;
    let mut k = 0;
    while k < N {
        parts[k] = &inputs[k][range.start..range.end];
        k += 1;
    }
    parts
}
