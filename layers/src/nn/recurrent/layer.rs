//! What recurrent layers have in common, as [`Bidirectional`](crate::nn::Bidirectional) uses them.

use crate::engine::{Real, Var};
use crate::model::{Bayesian, Drawn};

/// A draw of a recurrent layer, as [`Bidirectional`](crate::nn::Bidirectional) uses it.
pub trait RecurrentDraw<'t, T: Real>: Copy {
    /// The state: [`Var`], or the output and the cell of an LSTM, `[Var; 2]`.
    type State: RecurrentState;

    /// The outputs of all steps, and the final state, from an initial state of zeros; of padded sequences if there are
    /// `lengths`.
    fn run(&self, x: Var<'t, T>, lengths: Option<&[usize]>) -> (Var<'t, T>, Self::State);
}

/// The state of a recurrent layer.
pub trait RecurrentState: Copy {
    /// Joins two states along the last axis.
    #[must_use]
    fn join(self, other: Self) -> Self;
}

impl<T: Real> RecurrentState for Var<'_, T> {
    #[track_caller]
    fn join(self, other: Self) -> Self {
        Var::concat(&[self, other], -1)
    }
}

impl<T: Real> RecurrentState for [Var<'_, T>; 2] {
    #[track_caller]
    fn join(self, [output, cell]: Self) -> Self {
        [self[0].join(output), self[1].join(cell)]
    }
}

/// A [`RecurrentLayer`] at one lifetime of the tape.
pub trait RecurrentAt<'t>: Bayesian<Draw<'t> = <Self as RecurrentAt<'t>>::DrawAt> {
    /// The draw.
    type DrawAt: Copy + Drawn<'t, Self::Scalar> + RecurrentDraw<'t, Self::Scalar>;
}

impl<'t, M: Bayesian> RecurrentAt<'t> for M
where
    M::Draw<'t>: RecurrentDraw<'t, M::Scalar>,
{
    type DrawAt = M::Draw<'t>;
}

/// A recurrent layer over sequences: [`Lstm`](crate::nn::Lstm), [`Gru`](crate::nn::Gru), [`Rnn`](crate::nn::Rnn), or your own.
pub trait RecurrentLayer: for<'t> RecurrentAt<'t> {
    /// Whether sequences are processed from the last step to the first.
    fn is_reversed(&self) -> bool;

    /// The layer with that order.
    #[must_use]
    fn reversed(self) -> Self;
}

/// A layer over sequences with a state, in any direction: a [`RecurrentLayer`], [`Bidirectional`](crate::nn::Bidirectional) or
/// [`Stacked`](crate::nn::Stacked), or your own. Every model whose draws are [`RecurrentDraw`]s is one.
pub trait SequenceLayer: for<'t> RecurrentAt<'t> {}

impl<M: for<'t> RecurrentAt<'t>> SequenceLayer for M {}
