//! Cumulative sums and products along an axis.

use std::iter::StepBy;
use std::ops::Range;

use crate::kernels::chain::chain;
use crate::ops::axes::resolve_one;
use crate::ops::reduction::Runs;
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The cumulative sums along `axis` (negative: from the last), including each element.
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn cumsum(self, axis: isize) -> Var<'t, T> {
        let axis = resolve_one("cumsum", axis, self.shape());
        self.tape().record(CumulativeSum { runs: Runs::along(self.shape(), axis) }, &[self], [self.shape()])[0]
    }

    /// The cumulative products along `axis` (negative: from the last), including each element. The gradient is correct
    /// also where elements are zero.
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn cumprod(self, axis: isize) -> Var<'t, T> {
        let axis = resolve_one("cumprod", axis, self.shape());
        self.tape().record(CumulativeProduct { runs: Runs::along(self.shape(), axis) }, &[self], [self.shape()])[0]
    }
}

#[derive(Clone, Copy)]
struct CumulativeSum {
    runs: Runs,
}

impl<T: Real> Operation<T> for CumulativeSum {
    fn name(&self) -> &'static str {
        "cumsum"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        for_each_run(self.runs, io.output(0), &|start, places, out| {
            let mut sum = 0.0;
            for i in places {
                sum += x[start + i].to_f64();
                out[i] = T::from_f64(sum);
            }
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        io.accumulate(0, |target, write| {
            for_each_run(self.runs, target, &|start, places, target| {
                let mut sum = 0.0;
                for i in places.rev() {
                    sum += g[start + i].to_f64();
                    write.put(T::from_f64(sum), &mut target[i]);
                }
            });
        });
    }
}

#[derive(Clone, Copy)]
struct CumulativeProduct {
    runs: Runs,
}

impl<T: Real> Operation<T> for CumulativeProduct {
    fn name(&self) -> &'static str {
        "cumprod"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        for_each_run(self.runs, io.output(0), &|start, places, out| {
            let mut product = 1.0;
            for i in places {
                product *= x[start + i].to_f64();
                out[i] = T::from_f64(product);
            }
        });
    }

    /// Element i is a factor of all products from i on: its adjoint is yᵢ₋₁ (gᵢ + xᵢ₊₁ (gᵢ₊₁ + xᵢ₊₂ (…))), which needs
    /// no division.
    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (x, y) = (io.input(0).data, io.output(0).data);
        let g = io.upstream(0).expect("the only output");
        let inner = self.runs.inner;
        io.accumulate(0, |target, write| {
            for_each_run(self.runs, target, &|start, places, target| {
                let first = places.clone().next();
                let mut behind = 0.0;
                for i in places.rev() {
                    let at = start + i;
                    let tail = g[at].to_f64() + behind;
                    behind = chain(tail, x[at].to_f64());
                    let before = if Some(i) == first { 1.0 } else { y[at - inner].to_f64() };
                    write.put(T::from_f64(chain(tail, before)), &mut target[i]);
                }
            });
        });
    }
}

/// The positions of a run's elements.
type Places = StepBy<Range<usize>>;

/// Calls `visit` for every run of an array, possibly in parallel: with a part of the array, the offset of the part, and
/// the positions of the run in it.
fn for_each_run<T: Real>(runs: Runs, array: &mut [T], visit: &(impl Fn(usize, Places, &mut [T]) + Sync)) {
    if array.is_empty() {
        return;
    }
    let Runs { length, inner } = runs;
    runs.for_each_blocks(array.len() / length, (array, runs.block()), &|blocks, part| {
        let start = runs.elements(&blocks).start;
        for run in 0..runs.runs(&blocks).len() {
            let first = run / inner * length * inner + run % inner;
            visit(start, (first..first + (length - 1) * inner + 1).step_by(inner), &mut *part.data);
        }
    });
}
