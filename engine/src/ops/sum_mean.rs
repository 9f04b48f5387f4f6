//! `sum` and `mean`, over all axes or some.

use std::ops::Range;

use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Constant, Scale, map_slices};
use crate::kernels::reduce::{sum, sum_columns, sum_slices};
use crate::ops::axes::{reduced_shape, resolve};
use crate::ops::broadcast::broadcast;
use crate::ops::layout::Layout;
use crate::threads::{GRAIN, Rows, for_each_part};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Shape, Var, View};

impl<'t, T: Real> Var<'t, T> {
    /// The sum of all elements, a scalar.
    #[track_caller]
    pub fn sum(self) -> Var<'t, T> {
        let all: Shape = (0..self.shape().len()).collect();
        reduce("sum", self, &all, false, 1.0)
    }

    /// The mean of all elements, a scalar; NaN if there are none.
    #[track_caller]
    pub fn mean(self) -> Var<'t, T> {
        let all: Shape = (0..self.shape().len()).collect();
        reduce("mean", self, &all, false, 1.0 / self.len() as f64)
    }

    /// The sum over `axes`, negative ones counted from the last. The reduced axes are removed, or kept with
    /// length 1 if `keep` is set.
    ///
    /// # Panics
    /// If an axis is out of range, or repeated.
    #[track_caller]
    pub fn sum_axes(self, axes: &[isize], keep: bool) -> Var<'t, T> {
        let axes = resolve("sum_axes", axes, self.shape());
        reduce("sum", self, &axes, keep, 1.0)
    }

    /// The mean over `axes`, as [`sum_axes`](Var::sum_axes).
    ///
    /// # Panics
    /// As [`sum_axes`](Var::sum_axes).
    #[track_caller]
    pub fn mean_axes(self, axes: &[isize], keep: bool) -> Var<'t, T> {
        let axes = resolve("mean_axes", axes, self.shape());
        let count: usize = axes.iter().map(|&axis| self.shape()[axis]).product();
        reduce("mean", self, &axes, keep, 1.0 / count as f64)
    }
}

#[track_caller]
fn reduce<'t, T: Real>(name: &'static str, x: Var<'t, T>, axes: &[usize], keep: bool, scale: f64) -> Var<'t, T> {
    let tape = x.tape();
    let kept = reduced_shape(x.shape(), axes, true);
    let kept = tape.alloc_slice(kept.len(), |axis| kept[axis]);
    let shape = reduced_shape(x.shape(), axes, keep);
    tape.record(Reduce { name, kept, scale: T::from_f64(scale) }, &[x], [shape])[0]
}

/// scale · Σ over some axes.
#[derive(Clone, Copy)]
struct Reduce<'t, T> {
    name: &'static str,
    /// The result's shape with the summed axes kept as 1.
    kept: &'t [usize],
    scale: T,
}

impl<T: Real> Operation<T> for Reduce<'_, T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        let axes = (0..self.kept.len()).filter(|&axis| self.kept[axis] == 1).collect();
        Some(Description::Reduce(self.name, axes))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        sum_over(self.scale, x, self.kept, io.output(0), Write::Store);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        let shape = io.input(0).shape;
        io.accumulate(0, |target, write| spread(self.scale, View { data: g, shape: self.kept }, shape, target, write));
    }
}

/// `out = scale · Σ x` over the axes that are 1 or missing in `kept`, a shape that broadcasts to x's; or `+=`.
pub(crate) fn sum_over<T: Real>(scale: T, x: View<'_, T>, kept: &[usize], out: &mut [T], write: Write) {
    let mut layout = broadcast(x.shape, [kept]);
    if x.data.is_empty() && write == Write::Store {
        out.fill(T::ZERO * scale);
    }
    if layout.strides[0] == 0 {
        dispatch(RowSums { scale, x: x.data, layout: &layout, out, write });
        return;
    }
    let len = layout.row * layout.merge_repeats();
    for row in layout.all() {
        let write = if row.first[0] { write } else { Write::Add };
        sum_columns(scale, &x.data[row.start..][..len], &mut out[row.offsets[0]..][..layout.row], write);
    }
}

/// `out = scale · g` with g broadcast to `shape`, which is `out`'s; or `+=`.
pub(crate) fn spread<T: Real>(scale: T, g: View<'_, T>, shape: &[usize], out: &mut [T], write: Write) {
    let layout = broadcast(shape, [g.shape]);
    let grain = GRAIN.div_ceil(layout.row.max(1));
    for_each_part(Rows::new(out, layout.row), layout.rows, grain, 1, &|rows, target| {
        dispatch(Spread { scale, g: g.data, layout: &layout, rows, target: target.data, write });
    });
}

/// Sums along rows, each in double precision.
struct RowSums<'a, T> {
    scale: T,
    x: &'a [T],
    layout: &'a Layout<1>,
    out: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for RowSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let RowSums { scale, x, layout, out, write } = self;
        for row in layout.all() {
            let x = &x[row.start..][..layout.row];
            // A long row is split over the threads.
            let total = if x.len() > GRAIN { sum(x) } else { sum_slices::<S, T, _, 1>(Scale(T::ONE), [x]) };
            let part = T::from_f64(scale.to_f64() * total);
            let out = &mut out[row.offsets[0]];
            let write = if row.first[0] { write } else { Write::Add };
            write.put(part, out);
        }
    }
}

/// Broadcasts to some rows of the result.
struct Spread<'a, T> {
    scale: T,
    g: &'a [T],
    layout: &'a Layout<1>,
    rows: Range<usize>,
    target: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Spread<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let len = self.layout.row;
        for (row, target) in self.layout.rows(self.rows).zip(self.target.chunks_exact_mut(len.max(1))) {
            let g = &self.g[row.offsets[0]..];
            if self.layout.strides[0] == 0 {
                map_slices::<S, _, _, 0>(Constant(self.scale * g[0]), [], target, self.write);
            } else {
                map_slices::<S, _, _, 1>(Scale(self.scale), [&g[..len]], target, self.write);
            }
        }
    }
}
