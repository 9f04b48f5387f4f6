//! `Parallel`: several layers of the same input.

use crate::engine::{Real, Var};
use crate::model::{Bayesian, Forward, tuples};
use crate::nn::axis_of_example;
use elbo_macros::bayesian;
use smallvec::SmallVec;

/// Draws of layers with the same input: a tuple of up to twelve, an array or a slice.
#[diagnostic::on_unimplemented(
    message = "`{Self}` are not branches that take a `Var`",
    label = "not layers of one variable",
    note = "`Parallel` takes a tuple of 1 to 12 layers, an array or a `Vec` of layers"
)]
pub trait Branches<'t, T: Real> {
    /// Calls `each` with the output of each branch, in order.
    #[track_caller]
    fn outputs(&self, x: Var<'t, T>, each: &mut dyn FnMut(Var<'t, T>));
}

impl<'t, T: Real, D: Forward<'t, Var<'t, T>, Out = Var<'t, T>>> Branches<'t, T> for [D] {
    #[track_caller]
    fn outputs(&self, x: Var<'t, T>, each: &mut dyn FnMut(Var<'t, T>)) {
        for layer in self {
            each(layer.forward(x));
        }
    }
}

impl<'t, T: Real, D: Forward<'t, Var<'t, T>, Out = Var<'t, T>>> Branches<'t, T> for &[D] {
    #[track_caller]
    fn outputs(&self, x: Var<'t, T>, each: &mut dyn FnMut(Var<'t, T>)) {
        (**self).outputs(x, each)
    }
}

impl<'t, T: Real, D: Forward<'t, Var<'t, T>, Out = Var<'t, T>>, const N: usize> Branches<'t, T> for [D; N] {
    #[track_caller]
    fn outputs(&self, x: Var<'t, T>, each: &mut dyn FnMut(Var<'t, T>)) {
        self[..].outputs(x, each)
    }
}

macro_rules! tuple {
    ($($layer:ident . $index:tt),+) => {
        impl<'t, T: Real, $($layer: Forward<'t, Var<'t, T>, Out = Var<'t, T>>),+> Branches<'t, T> for ($($layer,)+) {
            #[track_caller]
            fn outputs(&self, x: Var<'t, T>, each: &mut dyn FnMut(Var<'t, T>)) {
                $(each(self.$index.forward(x));)+
            }
        }
    };
}

tuples!(tuple);

/// How outputs are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    Sum,
    Concat(isize),
}

/// Several layers of the same input, whose outputs are summed or joined along an axis: a tuple of 1 to 12 layers of any types,
/// or an array or `Vec` of equal ones. Names of weights are those of [`Sequential`](super::Sequential): `0.weight`.
///
/// ```
/// use elbo::nn::{Conv2d, Parallel};
/// use elbo::prelude::*;
///
/// let layer = Parallel::concat((Conv2d::new(3, 4, [1, 1]), Conv2d::new(3, 2, [3, 3]).padding([1, 1])), 1);
/// let (tape, x) = (Tape::new(), Tensor::full([8, 3, 5, 5], 0.5));
/// assert_eq!(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [8, 6, 5, 5]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct Parallel<L: Bayesian> {
    /// The layers.
    #[name("")]
    pub layers: L,
    #[skip]
    join: Join,
}

impl<L: Bayesian> Parallel<L> {
    /// The sum of the outputs, which must have equal shapes.
    pub fn sum(layers: L) -> Self {
        Parallel { layers, join: Join::Sum }
    }

    /// The outputs joined along this axis, negative: from the last.
    ///
    /// # Panics
    /// If the axis is 0, that of the examples.
    #[track_caller]
    pub fn concat(layers: L, axis: isize) -> Self {
        assert!(
            axis != 0,
            "Parallel: axis 0 is that of the examples, which must stay as they are; expected another axis"
        );
        Parallel { layers, join: Join::Concat(axis) }
    }
}

impl<'t, L: Bayesian> ParallelDraw<'t, L> {
    /// The joined outputs.
    ///
    /// # Panics
    /// If the shapes of the outputs differ: for a sum in any axis, else in another than the joined one. If the joined axis
    /// does not exist or is that of the examples; if the list of layers is empty.
    #[track_caller]
    pub fn forward(&self, x: Var<'t, L::Scalar>) -> Var<'t, L::Scalar>
    where
        L::Draw<'t>: Branches<'t, L::Scalar>,
    {
        // Those of a tuple need no allocation.
        let mut outputs = SmallVec::<[Var<'t, L::Scalar>; 12]>::new();
        self.layers.outputs(x, &mut |output| outputs.push(output));
        let Some(&first) = outputs.first() else { panic!("Parallel: got no layers, expected at least one") };
        let joined = match *self.join {
            Join::Sum => None,
            Join::Concat(axis) => Some(axis_of_example("Parallel", axis, first.shape())),
        };
        for (index, output) in outputs.iter().enumerate() {
            let (found, expected) = (output.shape(), first.shape());
            let differs = |axis: usize| Some(axis) != joined && found[axis] != expected[axis];
            assert!(
                found.len() == expected.len() && !(0..found.len()).any(differs),
                "Parallel: layer 0 makes the shape {expected:?} and layer {index} {found:?}; expected equal axes{}",
                if joined.is_some() { " but the joined one" } else { ", because they are summed" }
            );
        }
        match joined {
            None => {
                let mut sum = first;
                for &output in &outputs[1..] {
                    sum = sum + output;
                }
                sum
            }
            Some(axis) => Var::concat(&outputs, axis as isize),
        }
    }
}

impl<'t, L: Bayesian<Draw<'t>: Branches<'t, L::Scalar>>> Forward<'t, Var<'t, L::Scalar>> for ParallelDraw<'t, L> {
    type Out = Var<'t, L::Scalar>;

    #[track_caller]
    fn forward(&self, x: Var<'t, L::Scalar>) -> Var<'t, L::Scalar> {
        ParallelDraw::forward(self, x)
    }
}
