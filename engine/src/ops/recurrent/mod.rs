//! Recurrent networks (LSTM, GRU, RNN): single steps as fused operations, and whole sequences.
//!
//! A cell takes the gates' sums over the input and over the last output separately, so a random weight can compute each
//! in its own way, and the inputs of all steps are multiplied at once.

mod cells;
mod padded;

use std::cell::Cell;

use crate::ops::recurrent::cells::{At, Gru, Lstm, RecurrentCell, ReluRnn, Rnn};
use crate::{Activation, Linear, Real, Var};

/// The weights of a recurrent layer. The gates' rows follow each other as in PyTorch: i, f, g, o of an LSTM, r, z, n of
/// a GRU.
#[derive(Clone, Copy, Debug)]
pub struct Recurrent<W> {
    /// Input weights: (gates · hidden, inputs).
    pub weight_ih: W,
    /// Weights of the last output: (gates · hidden, hidden).
    pub weight_hh: W,
    /// The biases of the inputs' product and of the last output's: (gates · hidden) each.
    pub biases: [Option<W>; 2],
    /// The projection of an LSTM's output (Sak, Senior and Beaufays 2014), (outputs, hidden): the output and the last axis of
    /// `weight_hh` then have its width.
    pub projection: Option<W>,
    /// Whether to process the steps in reverse order.
    pub reverse: bool,
}

impl<'t, T: Real> Var<'t, T> {
    /// A long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000) over
    /// sequences x (examples, steps, inputs), from the initial output (examples, outputs) and cell (examples,
    /// hidden): returns the outputs of all steps (examples, steps, outputs), and the last output and cell. There are as many
    /// outputs as hidden units, unless they are projected. With the gates i, f, o = σ(..) and
    /// g = tanh(..) of W x + b + W′ h + b′, the cell is c′ = f c + i g and the output h′ = o tanh c′, or the projection of
    /// that if there is one.
    ///
    /// # Panics
    /// If the shapes differ from these, or the number of steps is 0.
    #[track_caller]
    pub fn lstm(self, weights: Recurrent<impl Linear<'t, T>>, state: [Var<'t, T>; 2]) -> (Var<'t, T>, [Var<'t, T>; 2]) {
        unroll::<T, Lstm, 2>(self, weights, state)
    }

    /// A gated recurrent unit (Cho et al. 2014) over sequences x (examples, steps, inputs), from the initial output
    /// (examples, hidden): returns the outputs of all steps (examples, steps, hidden), and the last one. With the gates
    /// r, z = σ(W x + b + W′ h + b′) and n = tanh(W x + b + r (W′ h + b′)), the output is h′ = (1 − z) n + z h.
    ///
    /// # Panics
    /// As [`lstm`](Var::lstm), or if there is a projection.
    #[track_caller]
    pub fn gru(self, weights: Recurrent<impl Linear<'t, T>>, state: Var<'t, T>) -> (Var<'t, T>, Var<'t, T>) {
        let (outputs, [state]) = unroll::<T, Gru, 1>(self, weights, [state]);
        (outputs, state)
    }

    /// A plain recurrent network (Elman 1990) over sequences x (examples, steps, inputs), from the initial output
    /// (examples, hidden): returns the outputs h′ = tanh(W x + b + W′ h + b′) of all steps (examples, steps, hidden),
    /// and the last one.
    ///
    /// # Panics
    /// As [`gru`](Var::gru).
    #[track_caller]
    pub fn rnn(self, weights: Recurrent<impl Linear<'t, T>>, state: Var<'t, T>) -> (Var<'t, T>, Var<'t, T>) {
        let (outputs, [state]) = unroll::<T, Rnn, 1>(self, weights, [state]);
        (outputs, state)
    }

    /// [`rnn`](Var::rnn) with outputs h′ = max(W x + b + W′ h + b′, 0) (Le, Jaitly and Hinton 2015).
    ///
    /// # Panics
    /// As [`gru`](Var::gru).
    #[track_caller]
    pub fn rnn_relu(self, weights: Recurrent<impl Linear<'t, T>>, state: Var<'t, T>) -> (Var<'t, T>, Var<'t, T>) {
        let (outputs, [state]) = unroll::<T, ReluRnn, 1>(self, weights, [state]);
        (outputs, state)
    }

    /// One step of [`lstm`](Var::lstm): the output and the cell (examples, hidden), from the gates' sums over the input
    /// (this) and over the last output, both (examples, 4 · hidden), and from the last cell (examples, hidden).
    ///
    /// # Panics
    /// If the shapes differ from these.
    #[track_caller]
    pub fn lstm_cell(self, from_last: Var<'t, T>, cell: Var<'t, T>) -> [Var<'t, T>; 2] {
        check_cell("lstm_cell", self, from_last, Some(cell), 4);
        // The step does not read the last output, only the sums over it.
        Lstm::step(self, At::ONLY, from_last, [cell, cell])
    }

    /// One step of [`gru`](Var::gru): the output (examples, hidden), from the gates' sums over the input (this) and
    /// over the last output, both (examples, 3 · hidden), and from the last output (examples, hidden).
    ///
    /// # Panics
    /// If the shapes differ from these.
    #[track_caller]
    pub fn gru_cell(self, from_last: Var<'t, T>, last: Var<'t, T>) -> Var<'t, T> {
        check_cell("gru_cell", self, from_last, Some(last), 3);
        let [output] = Gru::step(self, At::ONLY, from_last, [last]);
        output
    }

    /// One step of [`rnn`](Var::rnn): the output, from the sums over the input (this) and over the last output, all
    /// (examples, hidden).
    ///
    /// # Panics
    /// If the shapes differ from these.
    #[track_caller]
    pub fn rnn_cell(self, from_last: Var<'t, T>) -> Var<'t, T> {
        check_cell("rnn_cell", self, from_last, None, 1);
        let [output] = Rnn::step(self, At::ONLY, from_last, [self]);
        output
    }
}

/// Runs a cell over all steps of x, from a state whose first part is the initial output: the outputs of all steps, and
/// the last state.
#[track_caller]
fn unroll<'t, T: Real, C: RecurrentCell<N>, const N: usize>(
    x: Var<'t, T>,
    weights: Recurrent<impl Linear<'t, T>>,
    mut state: [Var<'t, T>; N],
) -> (Var<'t, T>, [Var<'t, T>; N]) {
    check(C::NAME, x, &state, weights.projection.is_some());
    let from_x = from_inputs(C::NAME, x, weights, state[N - 1], C::GATES);
    let outputs = Outputs::of(x, state[0]);
    for at in outputs.steps(weights.reverse) {
        state = next::<T, C, N>(from_x, at, weights, state);
        outputs.set(at, state[0]);
    }
    (outputs.stack(), state)
}

/// The state after a step.
#[track_caller]
fn next<'t, T: Real, C: RecurrentCell<N>, const N: usize>(
    from_x: Var<'t, T>,
    at: At,
    weights: Recurrent<impl Linear<'t, T>>,
    state: [Var<'t, T>; N],
) -> [Var<'t, T>; N] {
    let mut new = C::step(from_x, at, from_last(weights, state[0]), state);
    if let Some(projection) = weights.projection {
        new[0] = projection.affine(new[0], None::<Var<'t, T>>, Activation::Identity);
        assert!(
            new[0].shape() == state[0].shape(),
            "{}: the projection has {} outputs, and the state's output is of shape {:?}; expected equal widths",
            C::NAME,
            new[0].shape().last().copied().unwrap_or(1),
            state[0].shape()
        );
    }
    new
}

/// Checks the shapes of x and of a state's parts; returns the numbers of examples and steps.
#[track_caller]
fn check<T: Real>(name: &str, x: Var<'_, T>, states: &[Var<'_, T>], is_projected: bool) -> [usize; 2] {
    assert!(
        !is_projected || states.len() > 1,
        "{name}: there is a projection, which only an LSTM has; expected `None`"
    );
    let (shape, cell) = (x.shape(), states[states.len() - 1]);
    let (&[examples, steps, _], &[_, hidden]) = (shape, cell.shape()) else {
        panic!(
            "{name}: x of shape {shape:?} and a state of shape {:?}; expected x (examples, steps, inputs) and a state \
             (examples, hidden)",
            cell.shape()
        );
    };
    assert!(steps > 0, "{name}: x of shape {shape:?} (examples, steps, inputs) has no steps");
    for state in states {
        let width = match *state.shape() {
            [_, outputs] if is_projected && state.shape() != cell.shape() => outputs,
            _ => hidden,
        };
        assert!(
            state.shape() == [examples, width],
            "{name}: x of shape {shape:?} (examples, steps, inputs) and a state of shape {:?}; expected \
             [{examples}, {width}] (examples, {})",
            state.shape(),
            if width == hidden { "hidden" } else { "outputs" }
        );
    }
    [examples, steps]
}

/// The gates' sums over the inputs of all steps, (examples, steps, gates · hidden), for a state or cell of width hidden.
#[track_caller]
fn from_inputs<'t, T: Real>(
    name: &str,
    x: Var<'t, T>,
    weights: Recurrent<impl Linear<'t, T>>,
    state: Var<'t, T>,
    gates: usize,
) -> Var<'t, T> {
    let (&[examples, steps, _], &[_, hidden]) = (x.shape(), state.shape()) else { unreachable!("checked before") };
    let sums = weights.weight_ih.affine(x, weights.biases[0], Activation::Identity);
    assert!(
        matches!(*sums.shape(), [rows, all, each] if [rows, all] == [examples, steps] && each == gates * hidden),
        "{name}: the weight of the inputs has {} outputs and gives sums of shape {:?}; expected [{examples}, {steps}, {gates} \
         · {hidden}] for a state of shape {:?}",
        sums.shape().last().copied().unwrap_or(1),
        sums.shape(),
        state.shape()
    );
    sums
}

/// The gates' sums over the last output.
#[track_caller]
fn from_last<'t, T: Real>(weights: Recurrent<impl Linear<'t, T>>, last: Var<'t, T>) -> Var<'t, T> {
    weights.weight_hh.affine(last, weights.biases[1], Activation::Identity)
}

/// The outputs of all steps, set one by one.
struct Outputs<'t, T: Real>(&'t [Cell<Var<'t, T>>]);

impl<'t, T: Real> Outputs<'t, T> {
    /// As many as x has steps; `any` is a placeholder.
    fn of(x: Var<'t, T>, any: Var<'t, T>) -> Self {
        Outputs(x.tape().alloc_slice_without_drop(x.shape()[1], |_| Cell::new(any)))
    }

    fn steps(&self, reverse: bool) -> impl Iterator<Item = At> + use<T> {
        let steps = self.0.len();
        (0..steps).map(move |i| At { step: if reverse { steps - 1 - i } else { i }, steps })
    }

    fn set(&self, at: At, output: Var<'t, T>) {
        self.0[at.step].set(output);
    }

    /// Stacks the outputs along axis 1, in the order of the inputs.
    #[track_caller]
    fn stack(self) -> Var<'t, T> {
        let tape = self.0[0].get().tape();
        Var::stack(tape.alloc_slice(self.0.len(), |step| self.0[step].get()), 1)
    }
}

#[track_caller]
fn check_cell<T: Real>(name: &str, x: Var<'_, T>, last: Var<'_, T>, state: Option<Var<'_, T>>, gates: usize) {
    let fits = match (x.shape(), last.shape(), state.map(Var::shape)) {
        (&[examples, sums], last, state) => {
            let state = state.unwrap_or(last);
            last == [examples, sums] && matches!(*state, [rows, hidden] if rows == examples && gates * hidden == sums)
        }
        _ => false,
    };
    assert!(
        fits,
        "{name}: sums of shapes {:?} and {:?}{}; expected (examples, {gates} · hidden) twice{}",
        x.shape(),
        last.shape(),
        state.map_or(String::new(), |state| format!(" and a state of shape {:?}", state.shape())),
        if state.is_some() { " and (examples, hidden)" } else { "" }
    );
}
