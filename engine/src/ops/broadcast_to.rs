//! `broadcast_to` and `repeat`: values repeated to a larger shape.

use smallvec::SmallVec;

use crate::kernels::Write;
use crate::ops::broadcast::broadcast_shape;
use crate::ops::sum_mean::{spread, sum_over};
use crate::tape::Form;
use crate::{Adjoints, Description, Evaluation, Operation, Real, Shape, Var, View};

impl<'t, T: Real> Var<'t, T> {
    /// This value broadcast to `shape` by NumPy's rules: axes are aligned from the last, and an axis of length 1 or a
    /// missing one is repeated.
    ///
    /// # Panics
    /// If the value cannot be broadcast to `shape`.
    #[track_caller]
    pub fn broadcast_to(self, shape: impl AsRef<[usize]>) -> Var<'t, T> {
        let shape = shape.as_ref();
        assert!(
            broadcast_shape(self.shape(), shape).is_some_and(|fits| fits[..] == *shape),
            "broadcast_to: the shape {:?} cannot be broadcast to {shape:?}; counted from the last axis, lengths must be \
             equal or the first's 1",
            self.shape()
        );
        self.tape().record(BroadcastTo, &[self], [shape])[0]
    }

    /// Repeats the value `counts`\[i\] times along each axis i. More counts than axes add leading axes.
    ///
    /// # Panics
    /// If there are fewer counts than axes, or a length overflows.
    #[track_caller]
    pub fn repeat(self, counts: &[usize]) -> Var<'t, T> {
        let shape = self.shape();
        assert!(
            counts.len() >= shape.len(),
            "repeat: {} counts for the shape {shape:?}; expected one for each of its {} axes, or more",
            counts.len(),
            shape.len()
        );
        let new = counts.len() - shape.len();
        let lengths = std::iter::repeat_n(1, new).chain(shape.iter().copied());
        // A copy is a position along a new axis, before the one that is repeated.
        let (mut apart, mut copies): (SmallVec<[usize; 12]>, SmallVec<[usize; 12]>) = Default::default();
        let mut repeated = Shape::default();
        for (length, &count) in lengths.zip(counts) {
            apart.extend([1, length]);
            copies.extend([count, length]);
            let Some(long) = length.checked_mul(count) else {
                panic!("repeat: {counts:?} copies of the shape {shape:?} are larger than memory can address");
            };
            repeated.push(long);
        }
        self.reshape(apart).broadcast_to(copies).reshape(repeated)
    }
}

#[derive(Clone, Copy)]
struct BroadcastTo;

impl<T: Real> Operation<T> for BroadcastTo {
    fn name(&self) -> &'static str {
        "broadcast_to"
    }

    fn form(&self) -> Form {
        Form::Broadcast
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::BroadcastTo)
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (x, shape) = (io.input(0), io.output_shape(0));
        spread(T::ONE, x, shape, io.output(0), Write::Store);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = View { data: io.upstream(0).expect("the only output"), shape: io.output(0).shape };
        let shape = io.input(0).shape;
        io.accumulate(0, |target, write| sum_over(T::ONE, g, shape, target, write));
    }
}
