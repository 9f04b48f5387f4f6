//! `slice` and `at`: ranges and single positions of an axis.

use std::ops::{Bound, RangeBounds};

use crate::kernels::Write;
use crate::ops::axes::resolve_one;
use crate::ops::axis_view::AxisView;
use crate::ops::parts::Window;
use crate::{Adjoints, Description, Evaluation, Operation, Real, Shape, Var};

impl<'t, T: Real> Var<'t, T> {
    /// Every `step`th position of `range` along `axis`. Negative positions count from the end, as negative axes do:
    /// `x.slice(0, -2.., 1)` is the last two rows, `x.slice(1, .., 2)` every other column.
    ///
    /// To drop elements at both ends, use two slices, `x.slice(0, 1.., 1).slice(0, ..-1, 1)`: Clippy rejects `1..-1`.
    /// To reverse an axis, use [`flip`](Var::flip).
    ///
    /// # Panics
    /// If the axis is out of range, the range ends outside of it or before its start, or the step is 0.
    #[track_caller]
    pub fn slice(self, axis: isize, range: impl RangeBounds<isize>, step: usize) -> Var<'t, T> {
        let shape = self.shape();
        let axis = resolve_one("slice", axis, shape);
        assert!(step > 0, "slice: the step along axis {axis} of the shape {shape:?} must be at least 1, got 0");
        let length = shape[axis];
        // In signed numbers: a bound may have any value.
        let from_front =
            |position: isize| if position < 0 { position.saturating_add(length as isize) } else { position };
        let start = match range.start_bound() {
            Bound::Included(&start) => from_front(start),
            Bound::Excluded(&start) => from_front(start).saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&end) => from_front(end).saturating_add(1),
            Bound::Excluded(&end) => from_front(end),
            Bound::Unbounded => length as isize,
        };
        assert!(
            0 <= start && start <= end && end <= length as isize,
            "slice: the range from {start} to {end} is out of range for axis {axis} of the shape {shape:?}, which has \
             length {length}"
        );
        let part = Slice { axis, start: start as usize, step };
        let mut sliced = Shape::from(shape);
        sliced[axis] = ((end - start) as usize).div_ceil(step);
        self.tape().record(part, &[self], [sliced])[0]
    }

    /// One position of `axis`, which is removed. A negative position counts from the end.
    ///
    /// # Panics
    /// If the axis or the position is out of range.
    #[track_caller]
    pub fn at(self, axis: isize, position: isize) -> Var<'t, T> {
        let axis = resolve_one("at", axis, self.shape());
        let length = self.shape()[axis] as isize;
        let from_front = if position < 0 { position.saturating_add(length) } else { position };
        assert!(
            (0..length).contains(&from_front),
            "at: position {position} is out of range for axis {axis} of the shape {:?}",
            self.shape()
        );
        let mut rest = Shape::default();
        for (i, &length) in self.shape().iter().enumerate() {
            if i != axis {
                rest.push(length);
            }
        }
        self.tape().record(Slice { axis, start: from_front as usize, step: 1 }, &[self], [rest])[0]
    }
}

#[derive(Clone, Copy)]
struct Slice {
    axis: usize,
    start: usize,
    step: usize,
}

impl Slice {
    /// The input viewed along the axis, and the number of positions taken.
    fn count(self, input: &[usize], output: usize) -> (AxisView, usize) {
        let along = AxisView::new(input, self.axis);
        let blocks: usize = input[..self.axis].iter().product();
        (along, output.checked_div(blocks * along.inner).unwrap_or(0))
    }
}

impl<T: Real> Operation<T> for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Slice { axis: self.axis, start: self.start, step: self.step })
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        let out = io.output(0);
        let (along, count) = self.count(x.shape, out.len());
        if self.step == 1 {
            let (block, start) = (along.block(), self.start * along.inner);
            let len = count * along.inner;
            Window { block, start }.copy(x.data, len, Window::whole(len), out, Write::Store);
        } else {
            along.pick(x.data, count, |i| self.start + i * self.step, out, Write::Store);
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        let (along, count) = self.count(io.input(0).shape, g.len());
        io.accumulate(0, |target, write| {
            if self.step > 1 {
                along.scatter_runs(g, count, |i| Some(self.start + i * self.step), target, write);
                return;
            }
            let (block, start) = (along.block(), self.start * along.inner);
            let len = count * along.inner;
            if write == Write::Store && len < block {
                target.fill(T::ZERO);
            }
            Window::whole(len).copy(g, len, Window { block, start }, target, write);
        });
    }
}
