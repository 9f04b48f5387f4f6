//! Sums and means over all axes or some.

use crate::kernels::Write;
use crate::kernels::reduce::sum;
use crate::ops::axes::reduced_shape;
use crate::ops::broadcast::Layout;
use crate::{Adjoints, Evaluation, Operation, Real, Shape, Var};

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
        reduce("mean", self, &all, false, 1.0 / self.value().len() as f64)
    }

    /// The sum over `axes`, negative ones counted from the last. The axes vanish, or stay with
    /// length 1 if `keep` says so.
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[track_caller]
    pub fn sum_axes(self, axes: &[isize], keep: bool) -> Var<'t, T> {
        let axes = crate::ops::axes::resolve("sum_axes", axes, self.shape());
        reduce("sum", self, &axes, keep, 1.0)
    }

    /// The mean over `axes`, as [`sum_axes`](Var::sum_axes).
    ///
    /// # Panics
    /// As [`sum_axes`](Var::sum_axes).
    #[track_caller]
    pub fn mean_axes(self, axes: &[isize], keep: bool) -> Var<'t, T> {
        let axes = crate::ops::axes::resolve("mean_axes", axes, self.shape());
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
    /// The result's shape with the summed axes kept as 1: what the input is broadcast from.
    kept: &'t [usize],
    scale: T,
}

impl<T: Real> Operation<T> for Reduce<'_, T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        let layout = Layout::new(x.shape, [self.kept]);
        let out = io.output(0);
        if x.data.is_empty() {
            out.fill(T::ZERO * self.scale);
        }
        layout.for_each(|row| {
            let x = &x.data[row.start..][..layout.row];
            let out = &mut out[row.offsets[0]..];
            if layout.moves[0] {
                let write = if row.first[0] { Write::Store } else { Write::Add };
                crate::kernels::map::scale(self.scale, x, &mut out[..layout.row], write);
            } else {
                let sum = T::from_f64(sum(x) * self.scale.to_f64());
                out[0] = if row.first[0] { sum } else { out[0] + sum };
            }
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        let layout = Layout::new(io.input(0).shape, [self.kept]);
        io.accumulate(0, |target, write| {
            layout.for_each(|row| {
                let target = &mut target[row.start..][..layout.row];
                let g = &g[row.offsets[0]..];
                if layout.moves[0] {
                    crate::kernels::map::scale(self.scale, &g[..layout.row], target, write);
                } else {
                    crate::kernels::map::constant(self.scale * g[0], target, write);
                }
            });
        });
    }
}
