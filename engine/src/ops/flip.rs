//! `flip` and `roll`: axes reversed and axes shifted cyclically.

use crate::kernels::Write;
use crate::ops::axes::{resolve, resolve_one};
use crate::ops::axis_view::AxisView;
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The elements in reverse order along each of `axes`, one operation per axis.
    ///
    /// # Panics
    /// If an axis is out of range, or repeated.
    #[track_caller]
    pub fn flip(self, axes: &[isize]) -> Var<'t, T> {
        let mut flipped = self;
        // A closure would lose the caller's line.
        for &axis in resolve("flip", axes, self.shape()).iter() {
            flipped = flipped.tape().record(Flip { axis }, &[flipped], [flipped.shape()])[0];
        }
        flipped
    }

    /// Shifts position i of `axis` to position i + `shift`, cyclically.
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn roll(self, axis: isize, shift: isize) -> Var<'t, T> {
        let axis = resolve_one("roll", axis, self.shape());
        let length = self.shape()[axis].max(1);
        let shift = shift.rem_euclid(length as isize) as usize;
        self.tape().record(Roll { axis, shift }, &[self], [self.shape()])[0]
    }
}

#[derive(Clone, Copy)]
struct Flip {
    axis: usize,
}

impl Flip {
    /// A flip is its own adjoint.
    fn apply<T: Real>(self, x: &[T], shape: &[usize], out: &mut [T], write: Write) {
        let along = AxisView::new(shape, self.axis);
        along.pick(x, along.length, |i| along.length - 1 - i, out, write);
    }
}

impl<T: Real> Operation<T> for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Flip(self.axis))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        self.apply(x.data, x.shape, io.output(0), Write::Store);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (g, shape) = (io.upstream(0).expect("the only output"), io.input(0).shape);
        io.accumulate(0, |target, write| self.apply(g, shape, target, write));
    }
}

/// A shift by less than the axis's length.
#[derive(Clone, Copy)]
struct Roll {
    axis: usize,
    shift: usize,
}

impl Roll {
    /// Sets position i to position i + `ahead`.
    fn apply<T: Real>(self, x: &[T], shape: &[usize], ahead: usize, out: &mut [T], write: Write) {
        let along = AxisView::new(shape, self.axis);
        let source = |i: usize| if i + ahead < along.length { i + ahead } else { i + ahead - along.length };
        along.pick(x, along.length, source, out, write);
    }
}

impl<T: Real> Operation<T> for Roll {
    fn name(&self) -> &'static str {
        "roll"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        let ahead = x.shape[self.axis].saturating_sub(self.shift);
        self.apply(x.data, x.shape, ahead, io.output(0), Write::Store);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (g, shape) = (io.upstream(0).expect("the only output"), io.input(0).shape);
        io.accumulate(0, |target, write| self.apply(g, shape, self.shift, target, write));
    }
}
