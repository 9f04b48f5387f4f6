//! `reshape`, `permute` and `transpose`: new shapes for the same elements.

use crate::kernels::map::scale;
use crate::ops::axes::resolve_each;
use crate::ops::layout::{Axis, Layout};
use crate::shape::elements;
use crate::tape::Form;
use crate::threads::{GRAIN, Rows, for_each_part};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Shape, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The same elements, in row-major order, with another shape. Nothing is copied.
    ///
    /// # Panics
    /// If the sizes differ.
    #[track_caller]
    pub fn reshape(self, shape: impl AsRef<[usize]>) -> Var<'t, T> {
        let shape = shape.as_ref();
        assert!(
            elements(shape) == self.len(),
            "reshape: {:?} holds {} elements, {shape:?} holds {}",
            self.shape(),
            self.len(),
            elements(shape)
        );
        self.tape().record_alias(Reshape, self, shape)
    }

    /// Permutes the axes: axis `i` of the result is axis `axes[i]` of this.
    ///
    /// # Panics
    /// If `axes` is not a permutation of this value's axes.
    #[track_caller]
    pub fn permute(self, axes: &[isize]) -> Var<'t, T> {
        let shape = self.shape();
        let order = resolve_each("permute", axes, shape);
        let is_permutation = order.len() == shape.len() && (0..shape.len()).all(|axis| order.contains(&axis));
        assert!(is_permutation, "permute: {axes:?} is not a permutation of the axes of the shape {shape:?}");
        let tape = self.tape();
        let order = tape.alloc_slice(order.len(), |i| order[i]);
        let permuted: Shape = order.iter().map(|&axis| shape[axis]).collect();
        tape.record(Permute { order }, &[self], [permuted])[0]
    }

    /// Swaps the last two axes: the transpose of a matrix.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn transpose(self) -> Var<'t, T> {
        let rank = self.shape().len();
        assert!(rank >= 2, "transpose: a value of shape {:?}; expected at least two axes", self.shape());
        let mut axes: smallvec::SmallVec<[isize; 6]> = (0..rank as isize).collect();
        axes.swap(rank - 2, rank - 1);
        self.permute(&axes)
    }
}

#[derive(Clone, Copy)]
struct Reshape;

impl<T: Real> Operation<T> for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn form(&self) -> Form {
        Form::Reshape
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Reshape)
    }

    /// The output is an alias of the input's memory.
    fn forward(&self, _: &mut Evaluation<'_, T>) {}

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        io.accumulate(0, |target, write| scale(T::ONE, g, target, write));
    }
}

#[derive(Clone, Copy)]
struct Permute<'t> {
    order: &'t [usize],
}

impl Permute<'_> {
    /// The walk over the result with the input as operand.
    fn layout(self, input: &[usize]) -> Layout<1> {
        let mut strides: Shape = input.iter().map(|_| 1).collect();
        for axis in (1..input.len()).rev() {
            strides[axis - 1] = strides[axis] * input[axis];
        }
        Layout::new(self.order.iter().rev().map(|&axis| Axis { length: input[axis], strides: [strides[axis]] }))
    }
}

impl<T: Real> Operation<T> for Permute<'_> {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Permute(self.order.to_vec()))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        let layout = self.layout(x.shape);
        let (out, grain) = (Rows::new(io.output(0), layout.row), GRAIN.div_ceil(layout.row.max(1)));
        for_each_part(out, layout.rows, grain, 1, &|rows, out| {
            for (row, out) in layout.rows(rows).zip(out.data.chunks_exact_mut(layout.row.max(1))) {
                // A row is not empty, so its last element bounds the others.
                let from = &x.data[row.offsets[0]..=row.offsets[0] + (layout.row - 1) * layout.strides[0]];
                match layout.strides[0] {
                    1 => out.copy_from_slice(from),
                    stride => out.iter_mut().zip(from.iter().step_by(stride.max(1))).for_each(|(y, &x)| *y = x),
                }
            }
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        let layout = self.layout(io.input(0).shape);
        io.accumulate(0, |target, write| {
            for row in layout.all() {
                let g = &g[row.start..][..layout.row];
                let target = target[row.offsets[0]..].iter_mut().step_by(layout.strides[0].max(1));
                write.put_each(g.iter(), target);
            }
        });
    }
}
