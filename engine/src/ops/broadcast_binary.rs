//! Elementwise functions of two operands of which at least one is stretched: row by row.

use std::ops::Range;

use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Elementwise, map_slices};
use crate::kernels::reduce::sum_slices;
use crate::ops::layout::{Layout, Row};
use crate::threads::{GRAIN, Rows, for_each_part};

/// A function of two numbers and its two partial derivatives.
pub(crate) trait Binary<T: Real>: Copy + Sync {
    const NAME: &'static str;

    fn value(self, a: T, b: T) -> T;

    /// ∂/∂a and ∂/∂b.
    fn slopes(self, a: T, b: T) -> [T; 2];
}

/// `out = f(operands)`, over an output that both operands were laid over.
pub(crate) fn forward<T: Real, F: Binary<T>>(f: F, layout: &Layout<2>, operands: [&[T]; 2], out: &mut [T]) {
    let grain = GRAIN.div_ceil(layout.row.max(1));
    for_each_part(Rows::new(out, layout.row), layout.rows, grain, 1, &|rows, out| {
        dispatch(Forward { f, layout, operands, rows, out: out.data });
    });
}

/// Some rows of the result.
struct Forward<'a, F, T> {
    f: F,
    layout: &'a Layout<2>,
    operands: [&'a [T]; 2],
    rows: Range<usize>,
    out: &'a mut [T],
}

impl<T: Real, F: Binary<T>> Kernel for Forward<'_, F, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (value, len) = (Value(self.f), self.layout.row);
        for (row, out) in self.layout.rows(self.rows).zip(self.out.chunks_exact_mut(len.max(1))) {
            match operands(self.operands, self.layout, &row) {
                [Each(a), Each(b)] => map_slices::<S, _, _, 2>(value, [a, b], out, Write::Store),
                [Each(a), All(b)] => map_slices::<S, _, _, 1>(WithSecond(value, b), [a], out, Write::Store),
                [All(a), Each(b)] => map_slices::<S, _, _, 1>(WithFirst(value, a), [b], out, Write::Store),
                [All(a), All(b)] => out.fill(self.f.value(a, b)),
            }
        }
    }
}

/// An operand along a row: an element for each of the result, or one for all.
enum Along<'a, T> {
    Each(&'a [T]),
    All(T),
}

use Along::{All, Each};

#[inline(always)]
fn operands<'a, T: Real>(data: [&'a [T]; 2], layout: &Layout<2>, row: &Row<2>) -> [Along<'a, T>; 2] {
    std::array::from_fn(|k| match layout.strides[k] {
        0 => All(data[k][row.offsets[k]]),
        _ => Each(&data[k][row.offsets[k]..][..layout.row]),
    })
}

/// The way back to both operands.
#[derive(Clone, Copy)]
pub(crate) struct Backward<'a, F, T> {
    pub(crate) f: F,
    pub(crate) layout: &'a Layout<2>,
    pub(crate) operands: [&'a [T]; 2],
    /// The result's adjoint.
    pub(crate) g: &'a [T],
}

impl<T: Real, F: Binary<T>> Backward<'_, F, T> {
    /// Adds operand `K`'s part to `target`: an operand that is repeated gets the sum over its repetitions.
    pub(crate) fn to_operand<const K: usize>(self, target: &mut [T], write: Write) {
        let rows = self.layout.rows;
        if rows == 0 && write == Write::Store {
            // Repeated no times.
            target.fill(T::ZERO);
        }
        // Rows that meet in one element stay on one thread, in their order. Where none do, they follow each other in the
        // operand as in the result.
        let grain = if self.layout.rows_meet(K) { usize::MAX } else { GRAIN.div_ceil(self.layout.row.max(1)) };
        for_each_part(Rows::new(target, self.reached::<K>()), rows, grain, 1, &|rows, target| {
            dispatch(BackwardRows::<_, _, K> { of: self, rows, target: target.data, write });
        });
    }

    /// Elements of operand `K` that a row reaches.
    fn reached<const K: usize>(self) -> usize {
        if self.layout.strides[K] == 0 { 1 } else { self.layout.row }
    }
}

/// Some rows on the way back to operand `K`.
struct BackwardRows<'a, F, T, const K: usize> {
    of: Backward<'a, F, T>,
    rows: Range<usize>,
    target: &'a mut [T],
    write: Write,
}

impl<T: Real, F: Binary<T>, const K: usize> Kernel for BackwardRows<'_, F, T, K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Backward { f, layout, g, operands: data } = self.of;
        let part = Part::<F, K>(f);
        let len = self.of.reached::<K>();
        let first = self.rows.start * len;
        for row in layout.rows(self.rows) {
            let g = &g[row.start..][..layout.row];
            let write = if row.first[K] { self.write } else { Write::Add };
            let target = &mut self.target[row.offsets[K] - first..][..len];
            let sum = match operands(data, layout, &row) {
                [Each(a), Each(b)] => {
                    map_slices::<S, _, _, 3>(part, [g, a, b], target, write);
                    continue;
                }
                [Each(a), All(b)] if K == 0 => {
                    map_slices::<S, _, _, 2>(PartWithSecond(part, b), [g, a], target, write);
                    continue;
                }
                [All(a), Each(b)] if K == 1 => {
                    map_slices::<S, _, _, 2>(PartWithFirst(part, a), [g, b], target, write);
                    continue;
                }
                [Each(a), All(b)] => sum_slices::<S, _, _, 2>(PartWithSecond(part, b), [g, a]),
                [All(a), Each(b)] => sum_slices::<S, _, _, 2>(PartWithFirst(part, a), [g, b]),
                // Both stay where they are only in a row of one element.
                [All(a), All(b)] => part.apply::<S>([g[0], a, b]).to_f64(),
            };
            let sum = T::from_f64(sum);
            write.put(sum, &mut target[0]);
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Value<F>(pub(crate) F);

impl<T: Real, F: Binary<T>> Elementwise<T, 2> for Value<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, [a, b]: [T; 2]) -> T {
        self.0.value(a, b)
    }
}

/// Upstream adjoint times the partial derivative with respect to operand `K`.
#[derive(Clone, Copy)]
pub(crate) struct Part<F, const K: usize>(pub(crate) F);

impl<T: Real, F: Binary<T>, const K: usize> Elementwise<T, 3> for Part<F, K> {
    #[inline(always)]
    fn apply<S: Simd>(self, [g, a, b]: [T; 3]) -> T {
        g * self.0.slopes(a, b)[K]
    }
}

macro_rules! with_one_fixed {
    ($($(#[$doc:meta])* $name:ident, $inner:literal to $outer:literal: |$fixed:ident, $x:pat_param| $arguments:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        struct $name<V, T>(V, T);

        impl<T: Real, V: Elementwise<T, $inner>> Elementwise<T, $outer> for $name<V, T> {
            #[inline(always)]
            fn apply<S: Simd>(self, $x: [T; $outer]) -> T {
                let $fixed = self.1;
                self.0.apply::<S>($arguments)
            }
        }
    )*};
}

with_one_fixed! {
    /// A value whose first operand is the same along the row.
    WithFirst, 2 to 1: |a, [b]| [a, b];
    /// A value whose second operand is the same along the row.
    WithSecond, 2 to 1: |b, [a]| [a, b];
    /// A part whose first operand is the same along the row.
    PartWithFirst, 3 to 2: |a, [g, b]| [g, a, b];
    /// A part whose second operand is the same along the row.
    PartWithSecond, 3 to 2: |b, [g, a]| [g, a, b];
}
