//! Kernels of elementwise binary functions with broadcast operands, row by row.

use std::ops::Range;

use crate::Real;
use crate::kernels::Write;
use crate::kernels::chain::chain;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Elementwise, map_slices};
use crate::kernels::reduce::sum_slices;
use crate::ops::layout::{Layout, Row};
use crate::tape::Form;
use crate::threads::{GRAIN, Rows, for_each_part};

/// A function of two numbers and its two partial derivatives.
pub(crate) trait Binary<T: Real>: Copy + Sync {
    const NAME: &'static str;

    /// Whether the derivatives are the same for all operands, finite and not zero: then a product with them is right as
    /// it is.
    const CONSTANT_SLOPES: bool = false;

    /// The part in a sum of logarithms.
    const FORM: Form = Form::Other;

    fn value(self, a: T, b: T) -> T;

    /// ∂/∂a and ∂/∂b.
    fn slopes(self, a: T, b: T) -> [T; 2];
}

/// `out = f(operands)`, for an output that both operands are broadcast to.
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

/// An operand along a row: one element per element of the result, or a single one.
enum RowOperand<'a, T> {
    Each(&'a [T]),
    All(T),
}

use RowOperand::{All, Each};

#[inline(always)]
fn operands<'a, T: Real>(data: [&'a [T]; 2], layout: &Layout<2>, row: &Row<2>) -> [RowOperand<'a, T>; 2] {
    std::array::from_fn(|k| match layout.strides[k] {
        0 => All(data[k][row.offsets[k]]),
        _ => Each(&data[k][row.offsets[k]..][..layout.row]),
    })
}

/// The adjoint of both operands.
#[derive(Clone, Copy)]
pub(crate) struct Backward<'a, F, T> {
    pub(crate) f: F,
    pub(crate) layout: &'a Layout<2>,
    pub(crate) operands: [&'a [T]; 2],
    /// The result's adjoint.
    pub(crate) g: &'a [T],
}

impl<T: Real, F: Binary<T>> Backward<'_, F, T> {
    /// Adds operand `K`'s part to `target`: a broadcast operand gets the sum over its repetitions.
    pub(crate) fn to_operand<const K: usize>(self, target: &mut [T], write: Write) {
        let rows = self.layout.rows;
        if rows == 0 && write == Write::Store {
            // Repeated zero times.
            target.fill(T::ZERO);
        }
        // Rows that add to the same element stay on one thread, in order. Otherwise the rows of the operand are in the
        // same order as those of the result.
        let grain = if self.layout.rows_overlap(K) { usize::MAX } else { GRAIN.div_ceil(self.layout.row.max(1)) };
        for_each_part(Rows::new(target, self.elements_per_row::<K>()), rows, grain, 1, &|rows, target| {
            dispatch(BackwardRows::<_, _, K> { of: self, rows, target: target.data, write });
        });
    }

    /// The number of elements of operand `K` that a row uses.
    fn elements_per_row<const K: usize>(self) -> usize {
        if self.layout.strides[K] == 0 { 1 } else { self.layout.row }
    }
}

/// Adjoint kernel of operand `K` for some rows.
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
        let len = self.of.elements_per_row::<K>();
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
                // Both strides are 0 only in a row of one element.
                [All(a), All(b)] if F::CONSTANT_SLOPES => part.apply::<S>([g[0], a, b]).to_f64(),
                [All(a), All(b)] => part.chained::<S>([g[0], a, b]).to_f64(),
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
    const IS_CHAINED: bool = !F::CONSTANT_SLOPES;

    #[inline(always)]
    fn apply<S: Simd>(self, [g, a, b]: [T; 3]) -> T {
        g * self.0.slopes(a, b)[K]
    }

    #[inline(always)]
    fn chained<S: Simd>(self, [g, a, b]: [T; 3]) -> T {
        chain(g, self.0.slopes(a, b)[K])
    }
}

macro_rules! with_one_fixed {
    ($($(#[$doc:meta])* $name:ident, $inner:literal to $outer:literal: |$fixed:ident, $x:pat_param| $arguments:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        struct $name<V, T>(V, T);

        impl<T: Real, V: Elementwise<T, $inner>> Elementwise<T, $outer> for $name<V, T> {
            const IS_CHAINED: bool = V::IS_CHAINED;

            #[inline(always)]
            fn apply<S: Simd>(self, $x: [T; $outer]) -> T {
                let $fixed = self.1;
                self.0.apply::<S>($arguments)
            }

            #[inline(always)]
            fn chained<S: Simd>(self, $x: [T; $outer]) -> T {
                let $fixed = self.1;
                self.0.chained::<S>($arguments)
            }
        }
    )*};
}

with_one_fixed! {
    /// The value with a constant first operand.
    WithFirst, 2 to 1: |a, [b]| [a, b];
    /// The value with a constant second operand.
    WithSecond, 2 to 1: |b, [a]| [a, b];
    /// The adjoint part with a constant first operand.
    PartWithFirst, 3 to 2: |a, [g, b]| [g, a, b];
    /// The adjoint part with a constant second operand.
    PartWithSecond, 3 to 2: |b, [g, a]| [g, a, b];
}
