//! The product of a strictly lower triangular matrix and a vector.

use std::ops::Range;

use super::{row, row_start};
use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::engine::kernels::map::{Elementwise, Scale, map_slices};
use crate::engine::kernels::reduce::sum_slices;
use crate::engine::threads::{GRAIN, Ragged, for_each_part};
use crate::engine::{Adjoints, Evaluation, Operation};
use crate::engine::{Real, Var};

/// y with yᵢ = Σⱼ lᵢⱼ xⱼ over j < i.
pub(super) fn strictly_lower_product<'t, T: Real>(lower: Var<'t, T>, x: Var<'t, T>) -> Var<'t, T> {
    x.tape().record(StrictlyLowerProduct, &[lower, x], [x.shape()])[0]
}

#[derive(Clone, Copy)]
struct StrictlyLowerProduct;

/// The minimum number of rows for a thread.
fn grain(rows: usize) -> usize {
    (2 * GRAIN).div_ceil(rows.max(1))
}

impl<T: Real> Operation<T> for StrictlyLowerProduct {
    fn name(&self) -> &'static str {
        "strictly lower triangular product"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (lower, x) = (io.input(0).data, io.input(1).data);
        for_each_part(io.output(0), x.len(), grain(x.len()), 1, &|rows, out| {
            dispatch(Dots { lower, x, out, rows });
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (lower, x) = (io.input(0).data, io.input(1).data);
        let g = io.upstream(0).expect("the only output");
        io.accumulate(0, |target, write| {
            let target = Ragged::new(target, &row_start);
            for_each_part(target, x.len(), grain(x.len()), 1, &|rows, target| {
                dispatch(Outer { g, x, target: target.data, rows, write });
            });
        });
        io.accumulate(1, |target, write| dispatch(Back { lower, g, target, write }));
    }
}

#[derive(Clone, Copy)]
struct Product;

impl<T: Real> Elementwise<T, 2> for Product {
    #[inline(always)]
    fn apply<S: Simd>(self, [a, b]: [T; 2]) -> T {
        a * b
    }
}

struct Dots<'a, T> {
    lower: &'a [T],
    x: &'a [T],
    out: &'a mut [T],
    rows: Range<usize>,
}

impl<T: Real> Kernel for Dots<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for (out, i) in self.out.iter_mut().zip(self.rows) {
            *out = T::from_f64(sum_slices::<S, T, _, 2>(Product, [row(self.lower, i), &self.x[..i]]));
        }
    }
}

/// gᵢ xⱼ, for some rows.
struct Outer<'a, T> {
    g: &'a [T],
    x: &'a [T],
    target: &'a mut [T],
    rows: Range<usize>,
    write: Write,
}

impl<T: Real> Kernel for Outer<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let mut rest = self.target;
        for i in self.rows {
            let (row, others) = rest.split_at_mut(i);
            map_slices::<S, T, _, 1>(Scale(self.g[i]), [&self.x[..i]], row, self.write);
            rest = others;
        }
    }
}

/// Σᵢ lᵢⱼ gᵢ.
struct Back<'a, T> {
    lower: &'a [T],
    g: &'a [T],
    target: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Back<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        if self.write == Write::Store {
            self.target.fill(T::ZERO);
        }
        for (i, &g) in self.g.iter().enumerate() {
            map_slices::<S, T, _, 1>(Scale(g), [row(self.lower, i)], &mut self.target[..i], Write::Add);
        }
    }
}
