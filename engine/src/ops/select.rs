//! `select`: an elementwise choice between two values by a mask.

use std::ops::Range;

use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Elementwise, map};
use crate::ops::broadcast::{broadcast, broadcast_shape};
use crate::ops::layout::Layout;
use crate::threads::{GRAIN, Rows, for_each_part};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// Chooses by this mask, with broadcasting: `a` where it is not 0, and `b` where it is 0. The other value may be
    /// NaN there, and gets gradient 0; the mask gets no gradient.
    ///
    /// What was computed to obtain the other value gets gradient 0 as well, even if its derivative is infinite or NaN, such
    /// as that of √x at 0: see [`kernels::chain`](crate::kernels::chain). Sums of products are an exception: in
    /// [`matmul`](Var::matmul), NaN in one row of x makes the gradient of w NaN.
    ///
    /// ```
    /// use elbo_engine::{Tape, Tensor};
    ///
    /// let x: Tensor = Tensor::new([3], [4.0, -1.0, 9.0]);
    /// let tape = Tape::new();
    /// let x = tape.input(&x);
    /// let root = x.gt(0.0).select(x.sqrt(), x);
    /// assert_eq!(root.value(), [2.0, -1.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes cannot be broadcast.
    #[track_caller]
    pub fn select(self, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        let shape = broadcast_shape(self.shape(), a.shape()).and_then(|both| broadcast_shape(&both, b.shape()));
        let Some(shape) = shape else {
            panic!(
                "select: a mask of shape {:?} and values of shapes {:?} and {:?} cannot be broadcast; counted from the last axis, \
                 lengths must be equal or 1",
                self.shape(),
                a.shape(),
                b.shape()
            );
        };
        self.tape().record(Select, &[self.stop_gradient(), a, b], [shape])[0]
    }
}

#[derive(Clone, Copy)]
struct Select;

impl<T: Real> Operation<T> for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Select)
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let inputs = [io.input(0), io.input(1), io.input(2)];
        let data = inputs.map(|input| input.data);
        let shape = io.output_shape(0);
        let out = io.output(0);
        if inputs.iter().all(|input| input.shape == shape) {
            map(Choice, data, out, Write::Store);
            return;
        }
        let layout = &broadcast(shape, inputs.map(|input| input.shape));
        let grain = GRAIN.div_ceil(layout.row.max(1));
        for_each_part(Rows::new(out, layout.row), layout.rows, grain, 1, &|rows, out| {
            dispatch(Forward { layout, data, rows, out: out.data });
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (mask, g) = (io.input(0), io.upstream(0).expect("the only output"));
        let shape = io.output(0).shape;
        for (k, chosen) in [(1, true), (2, false)] {
            let operand = io.input(k);
            if mask.shape == shape && operand.shape == shape {
                io.accumulate(k, |target, write| map(Part { chosen }, [mask.data, g], target, write));
                continue;
            }
            let layout = &broadcast(shape, [mask.shape, operand.shape]);
            io.accumulate(k, |target, write| {
                write.clear(target);
                dispatch(Backward { layout, mask: mask.data, chosen, g, target });
            });
        }
    }
}

#[derive(Clone, Copy)]
struct Choice;

impl<T: Real> Elementwise<T, 3> for Choice {
    #[inline(always)]
    fn apply<S: Simd>(self, [mask, a, b]: [T; 3]) -> T {
        if mask == T::ZERO { b } else { a }
    }
}

/// The gradient of one of the two values.
#[derive(Clone, Copy)]
struct Part {
    chosen: bool,
}

impl<T: Real> Elementwise<T, 2> for Part {
    #[inline(always)]
    fn apply<S: Simd>(self, [mask, g]: [T; 2]) -> T {
        if (mask == T::ZERO) == self.chosen { T::ZERO } else { g }
    }
}

/// Some rows of the result.
struct Forward<'a, T> {
    layout: &'a Layout<3>,
    data: [&'a [T]; 3],
    rows: Range<usize>,
    out: &'a mut [T],
}

impl<T: Real> Kernel for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let [m, a, b] = self.layout.strides;
        let len = self.layout.row;
        for (row, out) in self.layout.rows(self.rows).zip(self.out.chunks_exact_mut(len.max(1))) {
            let [mask, on, off] = [0, 1, 2].map(|k| &self.data[k][row.offsets[k]..]);
            match (m, a, b) {
                // The mask is constant along the row.
                (0, ..) => {
                    let (from, stride) = if mask[0] == T::ZERO { (off, b) } else { (on, a) };
                    match stride {
                        0 => out.fill(from[0]),
                        _ => out.copy_from_slice(&from[..len]),
                    }
                }
                (_, 0, 0) => choose(&mask[..len], |_| on[0], |_| off[0], out),
                (_, 0, _) => choose(&mask[..len], |_| on[0], |i| off[i], out),
                (_, _, 0) => choose(&mask[..len], |i| on[i], |_| off[0], out),
                (..) => choose(&mask[..len], |i| on[i], |i| off[i], out),
            }
        }
    }
}

#[inline(always)]
fn choose<T: Real>(mask: &[T], on: impl Fn(usize) -> T, off: impl Fn(usize) -> T, out: &mut [T]) {
    for (i, (out, &mask)) in out.iter_mut().zip(mask).enumerate() {
        *out = if mask == T::ZERO { off(i) } else { on(i) };
    }
}

/// The adjoint of one of the two values: a broadcast operand gets the sum over its repetitions.
struct Backward<'a, T> {
    layout: &'a Layout<2>,
    mask: &'a [T],
    chosen: bool,
    g: &'a [T],
    target: &'a mut [T],
}

impl<T: Real> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Backward { layout, mask, chosen, g, target } = self;
        let [m, stride] = layout.strides;
        for row in layout.all() {
            let g = &g[row.start..][..layout.row];
            let mask = &mask[row.offsets[0]..];
            let part = |i: usize, g: T| if (mask[i * m] == T::ZERO) == chosen { T::ZERO } else { g };
            let target = &mut target[row.offsets[1]..];
            if stride == 0 {
                let sum: f64 = g.iter().enumerate().map(|(i, &g)| part(i, g).to_f64()).sum();
                target[0] += T::from_f64(sum);
            } else {
                target.iter_mut().zip(g).enumerate().for_each(|(i, (target, &g))| *target += part(i, g));
            }
        }
    }
}
