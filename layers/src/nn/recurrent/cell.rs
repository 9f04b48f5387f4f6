//! Cells: what distinguishes one recurrent layer from another.

use crate::engine::{Linear, Real, Recurrent, Var};
use crate::nn::RecurrentState;

/// The cell of a [`RecurrentNet`](crate::nn::RecurrentNet): the number of its gates, its state and its equations.
pub trait Cell: Copy + Default + std::fmt::Debug + Send + Sync + 'static {
    /// The layer's name in messages.
    const NAME: &'static str;

    /// The number of gates: the rows of the weights are these, each of the hidden size.
    const GATES: usize;

    /// The state: [`Var`], or the output and the cell of an LSTM, `[Var; 2]`.
    type State<'t, T: Real>: RecurrentState;

    /// A state of zeros: `zeros` makes a part of it of a width, and the layer has these widths of outputs and of the cell.
    fn zero_state<'t, T: Real>(
        self,
        zeros: impl Fn(usize) -> Var<'t, T>,
        outputs: usize,
        hidden: usize,
    ) -> Self::State<'t, T>;

    /// The outputs of all steps of `x`, (examples, steps, inputs), and the final state, from an initial one; of padded
    /// sequences if there are `lengths`.
    #[track_caller]
    fn run<'t, T: Real>(
        self,
        x: Var<'t, T>,
        lengths: Option<&[usize]>,
        weights: Recurrent<impl Linear<'t, T>>,
        state: Self::State<'t, T>,
    ) -> (Var<'t, T>, Self::State<'t, T>);
}

/// The cell of an [`Lstm`](crate::nn::Lstm).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LstmCell;

/// The cell of a [`Gru`](crate::nn::Gru).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GruCell;

/// The cell of an [`Rnn`](crate::nn::Rnn).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RnnCell {
    /// Whether outputs are rectified, max(x, 0), instead of tanh(x).
    pub relu: bool,
}

impl Cell for LstmCell {
    const NAME: &'static str = "Lstm";
    const GATES: usize = 4;
    type State<'t, T: Real> = [Var<'t, T>; 2];

    fn zero_state<'t, T: Real>(
        self,
        zeros: impl Fn(usize) -> Var<'t, T>,
        outputs: usize,
        hidden: usize,
    ) -> [Var<'t, T>; 2] {
        [outputs, hidden].map(zeros)
    }

    #[track_caller]
    fn run<'t, T: Real>(
        self,
        x: Var<'t, T>,
        lengths: Option<&[usize]>,
        weights: Recurrent<impl Linear<'t, T>>,
        state: [Var<'t, T>; 2],
    ) -> (Var<'t, T>, [Var<'t, T>; 2]) {
        match lengths {
            None => x.lstm(weights, state),
            Some(lengths) => x.lstm_padded(lengths, weights, state),
        }
    }
}

impl Cell for GruCell {
    const NAME: &'static str = "Gru";
    const GATES: usize = 3;
    type State<'t, T: Real> = Var<'t, T>;

    fn zero_state<'t, T: Real>(self, zeros: impl Fn(usize) -> Var<'t, T>, _: usize, hidden: usize) -> Var<'t, T> {
        zeros(hidden)
    }

    #[track_caller]
    fn run<'t, T: Real>(
        self,
        x: Var<'t, T>,
        lengths: Option<&[usize]>,
        weights: Recurrent<impl Linear<'t, T>>,
        state: Var<'t, T>,
    ) -> (Var<'t, T>, Var<'t, T>) {
        match lengths {
            None => x.gru(weights, state),
            Some(lengths) => x.gru_padded(lengths, weights, state),
        }
    }
}

impl Cell for RnnCell {
    const NAME: &'static str = "Rnn";
    const GATES: usize = 1;
    type State<'t, T: Real> = Var<'t, T>;

    fn zero_state<'t, T: Real>(self, zeros: impl Fn(usize) -> Var<'t, T>, _: usize, hidden: usize) -> Var<'t, T> {
        zeros(hidden)
    }

    #[track_caller]
    fn run<'t, T: Real>(
        self,
        x: Var<'t, T>,
        lengths: Option<&[usize]>,
        weights: Recurrent<impl Linear<'t, T>>,
        state: Var<'t, T>,
    ) -> (Var<'t, T>, Var<'t, T>) {
        match (lengths, self.relu) {
            (None, false) => x.rnn(weights, state),
            (None, true) => x.rnn_relu(weights, state),
            (Some(lengths), false) => x.rnn_padded(lengths, weights, state),
            (Some(lengths), true) => x.rnn_relu_padded(lengths, weights, state),
        }
    }
}
