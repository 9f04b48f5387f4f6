//! Operations that change the shape and no element.

use crate::kernels::Write;
use crate::kernels::map::scale;
use crate::ops::axes::resolve_one;
use crate::shape::elements;
use crate::{Adjoints, Evaluation, Operation, Real, Shape, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The same elements, row by row, under another shape. Nothing is copied.
    ///
    /// # Panics
    /// If the sizes differ.
    #[track_caller]
    pub fn reshape(self, shape: impl AsRef<[usize]>) -> Var<'t, T> {
        let shape = shape.as_ref();
        assert!(
            elements(shape) == self.value().len(),
            "reshape: {:?} holds {} elements, {shape:?} holds {}",
            self.shape(),
            self.value().len(),
            elements(shape)
        );
        self.tape().record_alias(Reshape, self, shape)
    }

    /// The axes in another order: axis `i` of the result is axis `axes[i]` of this.
    ///
    /// # Panics
    /// If `axes` is no permutation of this value's axes.
    #[track_caller]
    pub fn permute(self, axes: &[isize]) -> Var<'t, T> {
        let shape = self.shape();
        let order: Shape = axes.iter().map(|&axis| resolve_one("permute", axis, shape)).collect();
        let is_permutation = order.len() == shape.len() && (0..shape.len()).all(|axis| order.contains(&axis));
        assert!(is_permutation, "permute: {axes:?} does not name each axis of the shape {shape:?} once");
        let tape = self.tape();
        let order = tape.alloc_slice(order.len(), |i| order[i]);
        let permuted: Shape = order.iter().map(|&axis| shape[axis]).collect();
        tape.record(Permute { order }, &[self], [permuted])[0]
    }

    /// The last two axes exchanged: a matrix's transpose.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn transpose(self) -> Var<'t, T> {
        let rank = self.shape().len();
        assert!(rank >= 2, "transpose: a value of shape {:?} has no two axes to exchange", self.shape());
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

    /// The output is the input's memory.
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

impl<T: Real> Operation<T> for Permute<'_> {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        let out = io.output(0);
        for_each_permuted(x.shape, self.order, |i, j| out[i] = x.data[j]);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        let shape = io.input(0).shape;
        io.accumulate(0, |target, write| match write {
            Write::Store => for_each_permuted(shape, self.order, |i, j| target[j] = g[i]),
            Write::Add => for_each_permuted(shape, self.order, |i, j| target[j] += g[i]),
        });
    }
}

/// Calls `visit` with every element of the permuted array and the element of the original it is.
fn for_each_permuted(shape: &[usize], order: &[usize], mut visit: impl FnMut(usize, usize)) {
    let mut strides: Shape = shape.iter().map(|_| 1).collect();
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let mut index: Shape = shape.iter().map(|_| 0).collect();
    let mut from = 0;
    for to in 0..elements(shape) {
        visit(to, from);
        for (place, &axis) in order.iter().enumerate().rev() {
            index[place] += 1;
            from += strides[axis];
            if index[place] < shape[axis] {
                break;
            }
            from -= strides[axis] * shape[axis];
            index[place] = 0;
        }
    }
}
