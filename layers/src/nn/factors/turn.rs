//! `Turn`: a field by which a layer's members take turns, draw by draw.

use std::marker::PhantomData;

use crate::engine::{Adjoints, Evaluation, Operation, Real, Tape, Var};
use crate::nn::stochastic::source::without_weights;
use crate::sampling::Cx;

/// A field without parameters: it knows which draw is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn<T: Real>(PhantomData<fn() -> T>);

/// The draw of a [`Turn`].
#[derive(Clone, Copy, Debug)]
pub struct TurnDraw<'t, T: Real> {
    cx: Cx<'t, T>,
}

without_weights!(Turn, TurnDraw: |_layer, cx| TurnDraw { cx });

impl<'t, T: Real> TurnDraw<'t, T> {
    /// The value of one of `count` members for each draw, the members in turn; the mean over all members where nothing is drawn.
    pub(super) fn of(self, tape: &'t Tape<T>, count: usize, member: impl Fn(usize) -> Var<'t, T>) -> Var<'t, T> {
        let stacked = || Var::stack(tape.alloc_slice(count, &member), 0);
        let Some(first) = self.cx.turn() else {
            return stacked().mean_axes(&[0], false);
        };
        if self.cx.draws() == 1 {
            return member(first % count);
        }
        let each = self.cx.draws() / self.cx.pairs_of(self.cx.draws());
        let row = tape.record_draws(self.cx.draws(), OneHot { first, each }, &[], [&[1, count]])[0];
        // (1, count) · (count, elements).
        let values = stacked();
        row.matmul(values).reshape(&values.shape()[1..])
    }
}

/// 1 at the member of a draw, and 0 elsewhere.
#[derive(Clone, Copy)]
struct OneHot {
    /// The number of the first draw.
    first: usize,
    /// How many draws in a row have one number.
    each: usize,
}

impl<T: Real> Operation<T> for OneHot {
    fn name(&self) -> &'static str {
        "member of a draw"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let number = self.first + io.draw() / self.each;
        let row = io.output(0);
        let member = number % row.len();
        row.fill(T::ZERO);
        row[member] = T::ONE;
    }

    /// A constant has no gradient to pass on.
    fn adjoint(&self, _: &mut Adjoints<'_, T>) {}
}
