//! `concat`, `stack` and `split`: join values along an axis, and split them again.

use smallvec::SmallVec;

use crate::kernels::Write;
use crate::ops::axes::resolve_one;
use crate::ops::axis_view::AxisView;
use crate::ops::parts::Window;
use crate::{Adjoints, Description, Evaluation, Operation, Real, Shape, Var};

impl<'t, T: Real> Var<'t, T> {
    /// Joins the `parts` along `axis`.
    ///
    /// # Panics
    /// If there are no parts, the axis is out of range, or the other axes differ.
    #[track_caller]
    pub fn concat(parts: &[Var<'t, T>], axis: isize) -> Var<'t, T> {
        concat("concat", parts, axis)
    }

    /// Joins the `parts`, all of one shape, along a new axis: `axis` of the result.
    ///
    /// # Panics
    /// If there are no parts, their shapes differ, or the axis is out of range for the result.
    #[track_caller]
    pub fn stack(parts: &[Var<'t, T>], axis: isize) -> Var<'t, T> {
        let Some(first) = parts.first() else {
            panic!("stack: expected at least one value");
        };
        for (i, part) in parts.iter().enumerate() {
            assert!(
                part.shape() == first.shape(),
                "stack: value {i} has the shape {:?}, and the first has {:?}; expected the same",
                part.shape(),
                first.shape()
            );
        }
        let mut shape = Shape::from(first.shape());
        shape.push(1);
        let place = resolve_one("stack", axis, &shape);
        shape[place..].rotate_right(1);
        let mut layers: SmallVec<[Var<'t, T>; 8]> = SmallVec::new();
        // A closure would lose the caller's line.
        for part in parts {
            layers.push(part.reshape(&shape));
        }
        concat("stack", &layers, place as isize)
    }

    /// Splits the value into consecutive parts of these `sizes` along `axis`: the inverse of [`concat`](Var::concat).
    ///
    /// # Panics
    /// If the axis is out of range, or the sizes do not add up to its length.
    #[track_caller]
    pub fn split<const N: usize>(self, axis: isize, sizes: [usize; N]) -> [Var<'t, T>; N] {
        let shape = self.shape();
        let axis = resolve_one("split", axis, shape);
        let total = sizes.iter().try_fold(0usize, |total, &size| total.checked_add(size));
        assert!(
            total == Some(shape[axis]),
            "split: the sizes {sizes:?} do not add up to {}, the length of axis {axis} of the shape {shape:?}",
            shape[axis]
        );
        let part = |size| {
            let mut part = Shape::from(shape);
            part[axis] = size;
            part
        };
        self.tape().record(Split::<N> { axis }, &[self], sizes.map(part))
    }
}

#[track_caller]
fn concat<'t, T: Real>(name: &'static str, parts: &[Var<'t, T>], axis: isize) -> Var<'t, T> {
    let Some(first) = parts.first() else {
        panic!("{name}: expected at least one value");
    };
    let mut shape = Shape::from(first.shape());
    let axis = resolve_one(name, axis, &shape);
    let mut total = 0usize;
    for (i, part) in parts.iter().enumerate() {
        let found = part.shape();
        let fits = found.len() == shape.len()
            && (0..shape.len()).all(|other| other == axis || found[other] == first.shape()[other]);
        assert!(
            fits,
            "{name}: value {i} has the shape {found:?}, and the first has {:?}; they may differ only in axis {axis}",
            first.shape()
        );
        total = total.checked_add(found[axis]).unwrap_or_else(|| overflow(name, axis));
    }
    shape[axis] = total;
    first.tape().record(Concat { name, axis }, parts, [shape])[0]
}

#[track_caller]
fn overflow(name: &str, axis: usize) -> ! {
    panic!("{name}: axis {axis} of the result is longer than memory can address")
}

#[derive(Clone, Copy)]
struct Concat {
    name: &'static str,
    axis: usize,
}

impl<T: Real> Operation<T> for Concat {
    fn name(&self) -> &'static str {
        self.name
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Concatenate(self.axis))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let block = AxisView::new(io.output_shape(0), self.axis).block();
        let mut start = 0;
        for k in 0..io.inputs() {
            let x = io.input(k);
            let len = AxisView::new(x.shape, self.axis).block();
            Window::whole(len).copy(x.data, len, Window { block, start }, io.output(0), Write::Store);
            start += len;
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        let block = AxisView::new(io.output(0).shape, self.axis).block();
        let mut start = 0;
        for k in 0..io.inputs() {
            let len = AxisView::new(io.input(k).shape, self.axis).block();
            io.accumulate(k, |target, write| {
                Window { block, start }.copy(g, len, Window::whole(len), target, write);
            });
            start += len;
        }
    }
}

#[derive(Clone, Copy)]
struct Split<const N: usize> {
    axis: usize,
}

impl<T: Real, const N: usize> Operation<T> for Split<N> {
    fn name(&self) -> &'static str {
        "split"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::SplitInto(self.axis))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        let block = AxisView::new(x.shape, self.axis).block();
        let mut start = 0;
        for k in 0..N {
            let len = AxisView::new(io.output_shape(k), self.axis).block();
            Window { block, start }.copy(x.data, len, Window::whole(len), io.output(k), Write::Store);
            start += len;
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let block = AxisView::new(io.input(0).shape, self.axis).block();
        let parts: [_; N] =
            std::array::from_fn(|k| (io.upstream(k), AxisView::new(io.output(k).shape, self.axis).block()));
        io.accumulate(0, |target, write| {
            let mut start = 0;
            for (g, len) in parts {
                let window = Window { block, start };
                match g {
                    Some(g) => Window::whole(len).copy(g, len, window, target, write),
                    None if write == Write::Store => window.clear(len, target),
                    None => {}
                }
                start += len;
            }
        });
    }
}
