//! Recurrent networks: one step of a cell as a fused operation, and whole sequences.
//!
//! A cell is given what its gates sum over the input and over the last output, apart: so a random weight enters both in its
//! own way, and the inputs of all steps are multiplied at once.

use std::cell::Cell;

use crate::kernels::Write;
use crate::kernels::cells::{GRU_KEPT, LSTM_KEPT, Step};
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map, scale};
use crate::{Activation, Adjoints, Evaluation, Linear, Operation, Real, Var};

/// The weights of a recurrent layer. Rows belong to the gates one after the other, as in PyTorch: i, f, g, o of a long
/// short-term memory, r, z, n of a gated recurrent unit.
#[derive(Clone, Copy, Debug)]
pub struct Recurrent<W> {
    /// From the inputs: (gates · hidden, inputs).
    pub weight_ih: W,
    /// From the last output: (gates · hidden, hidden).
    pub weight_hh: W,
    /// What is added to both products: (gates · hidden) each.
    pub biases: Option<[W; 2]>,
    /// Whether the last step comes first.
    pub reverse: bool,
}

impl<'t, T: Real> Var<'t, T> {
    /// A long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000) over sequences
    /// x (examples, steps, inputs), from the output and the cell before, both (examples, hidden): the outputs of all steps
    /// (examples, steps, hidden), and the last output and cell. With the gates i, f, o = σ(..) and g = tanh(..) of
    /// W x + b + W′ h + b′, the cell is c′ = f c + i g and the output h′ = o tanh c′.
    ///
    /// # Panics
    /// If the shapes differ from these, or there is no step.
    #[track_caller]
    pub fn lstm(self, weights: Recurrent<impl Linear<'t, T>>, state: [Var<'t, T>; 2]) -> (Var<'t, T>, [Var<'t, T>; 2]) {
        let from_x = from_inputs("lstm", self, weights, &state, 4);
        let mut state = state;
        let outputs = Outputs::of(self, state[0]);
        for at in outputs.steps(weights.reverse) {
            state = lstm_step(from_x, at, from_last(weights, state[0]), state[1]);
            outputs.set(at, state[0]);
        }
        (outputs.stack(), state)
    }

    /// A gated recurrent unit (Cho et al. 2014) over sequences x (examples, steps, inputs), from the output before
    /// (examples, hidden): the outputs of all steps (examples, steps, hidden), and the last one. With the gates
    /// r, z = σ(W x + b + W′ h + b′) and n = tanh(W x + b + r (W′ h + b′)), the output is h′ = (1 − z) n + z h.
    ///
    /// # Panics
    /// As [`lstm`](Var::lstm).
    #[track_caller]
    pub fn gru(self, weights: Recurrent<impl Linear<'t, T>>, state: Var<'t, T>) -> (Var<'t, T>, Var<'t, T>) {
        let from_x = from_inputs("gru", self, weights, &[state], 3);
        let mut state = state;
        let outputs = Outputs::of(self, state);
        for at in outputs.steps(weights.reverse) {
            state = gru_step(from_x, at, from_last(weights, state), state);
            outputs.set(at, state);
        }
        (outputs.stack(), state)
    }

    /// A plain recurrent network (Elman 1990) over sequences x (examples, steps, inputs), from the output before
    /// (examples, hidden): the outputs h′ = tanh(W x + b + W′ h + b′) of all steps (examples, steps, hidden), and the last
    /// one.
    ///
    /// # Panics
    /// As [`lstm`](Var::lstm).
    #[track_caller]
    pub fn rnn(self, weights: Recurrent<impl Linear<'t, T>>, state: Var<'t, T>) -> (Var<'t, T>, Var<'t, T>) {
        let from_x = from_inputs("rnn", self, weights, &[state], 1);
        let mut state = state;
        let outputs = Outputs::of(self, state);
        for at in outputs.steps(weights.reverse) {
            state = rnn_step(from_x, at, from_last(weights, state), state.shape());
            outputs.set(at, state);
        }
        (outputs.stack(), state)
    }

    /// One step of [`lstm`](Var::lstm): the output and the cell (examples, hidden), from what the gates sum over the input
    /// (this) and over the last output, (examples, 4 · hidden) both, and from the last cell (examples, hidden).
    ///
    /// # Panics
    /// If the shapes differ from these.
    #[track_caller]
    pub fn lstm_cell(self, from_last: Var<'t, T>, cell: Var<'t, T>) -> [Var<'t, T>; 2] {
        check_cell("lstm_cell", self, from_last, Some(cell), 4);
        lstm_step(self, At::ONLY, from_last, cell)
    }

    /// One step of [`gru`](Var::gru): the output (examples, hidden), from what the gates sum over the input (this) and over
    /// the last output, (examples, 3 · hidden) both, and from the last output (examples, hidden).
    ///
    /// # Panics
    /// If the shapes differ from these.
    #[track_caller]
    pub fn gru_cell(self, from_last: Var<'t, T>, last: Var<'t, T>) -> Var<'t, T> {
        check_cell("gru_cell", self, from_last, Some(last), 3);
        gru_step(self, At::ONLY, from_last, last)
    }

    /// One step of [`rnn`](Var::rnn): the output, from the sums over the input (this) and over the last output, all
    /// (examples, hidden).
    ///
    /// # Panics
    /// If the shapes differ from these.
    #[track_caller]
    pub fn rnn_cell(self, from_last: Var<'t, T>) -> Var<'t, T> {
        check_cell("rnn_cell", self, from_last, None, 1);
        rnn_step(self, At::ONLY, from_last, self.shape())
    }
}

/// One of how many steps.
#[derive(Clone, Copy)]
struct At {
    step: usize,
    steps: usize,
}

impl At {
    const ONLY: At = At { step: 0, steps: 1 };

    fn of(self, [rows, hidden]: [usize; 2]) -> Step {
        Step { rows, hidden, steps: self.steps, step: self.step }
    }
}

/// What the gates sum over the inputs of all steps: (examples, steps, gates · hidden).
#[track_caller]
fn from_inputs<'t, T: Real>(
    name: &str,
    x: Var<'t, T>,
    weights: Recurrent<impl Linear<'t, T>>,
    states: &[Var<'t, T>],
    gates: usize,
) -> Var<'t, T> {
    let shape = x.shape();
    let (&[examples, steps, _], &[_, hidden]) = (shape, states[0].shape()) else {
        panic!(
            "{name}: x of shape {shape:?} and a state of shape {:?}; expected x (examples, steps, inputs) and a state \
             (examples, hidden)",
            states[0].shape()
        );
    };
    assert!(steps > 0, "{name}: x of shape {shape:?} (examples, steps, inputs) has no step");
    for state in states {
        assert!(
            state.shape() == [examples, hidden],
            "{name}: x of shape {shape:?} (examples, steps, inputs) and a state of shape {:?}; expected \
             [{examples}, {hidden}] (examples, hidden)",
            state.shape()
        );
    }
    let sums = weights.weight_ih.affine(x, weights.biases.map(|[bias, _]| bias), Activation::Identity);
    assert!(
        matches!(*sums.shape(), [rows, all, each] if [rows, all] == [examples, steps] && each == gates * hidden),
        "{name}: the weight of the inputs has {} outputs and gives sums of shape {:?}; expected [{examples}, {steps}, {gates} \
         · {hidden}] for a state of shape {:?}",
        sums.shape().last().copied().unwrap_or(1),
        sums.shape(),
        states[0].shape()
    );
    sums
}

/// What the gates sum over the last output.
#[track_caller]
fn from_last<'t, T: Real>(weights: Recurrent<impl Linear<'t, T>>, last: Var<'t, T>) -> Var<'t, T> {
    weights.weight_hh.affine(last, weights.biases.map(|[_, bias]| bias), Activation::Identity)
}

/// The outputs of all steps, to be set one after the other.
struct Outputs<'t, T: Real>(&'t [Cell<Var<'t, T>>]);

impl<'t, T: Real> Outputs<'t, T> {
    /// As many as x has steps; `any` stands there meanwhile.
    fn of(x: Var<'t, T>, any: Var<'t, T>) -> Self {
        Outputs(x.tape().alloc_slice(x.shape()[1], |_| Cell::new(any)))
    }

    fn steps(&self, reverse: bool) -> impl Iterator<Item = At> + use<T> {
        let steps = self.0.len();
        (0..steps).map(move |i| At { step: if reverse { steps - 1 - i } else { i }, steps })
    }

    fn set(&self, at: At, output: Var<'t, T>) {
        self.0[at.step].set(output);
    }

    /// Side by side, in the order of the inputs.
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

/// Shapes of a state, and of `gates` numbers for each of its elements.
fn shapes(state: &[usize], gates: usize) -> [[usize; 2]; 2] {
    [[state[0], state[1]], [state[0], gates * state[1]]]
}

#[track_caller]
fn lstm_step<'t, T: Real>(from_x: Var<'t, T>, at: At, from_last: Var<'t, T>, cell: Var<'t, T>) -> [Var<'t, T>; 2] {
    let [state, kept] = shapes(cell.shape(), LSTM_KEPT);
    check_sums("lstm", from_last, state, 4);
    let operation = LstmCell { at: at.of(state) };
    let [output, cell, _] = from_x.tape().record(operation, &[from_x, from_last, cell], [state, state, kept]);
    [output, cell]
}

#[track_caller]
fn gru_step<'t, T: Real>(from_x: Var<'t, T>, at: At, from_last: Var<'t, T>, last: Var<'t, T>) -> Var<'t, T> {
    let [state, kept] = shapes(last.shape(), GRU_KEPT);
    check_sums("gru", from_last, state, 3);
    let operation = GruCell { at: at.of(state) };
    from_x.tape().record(operation, &[from_x, from_last, last], [state, kept])[0]
}

#[track_caller]
fn rnn_step<'t, T: Real>(from_x: Var<'t, T>, at: At, from_last: Var<'t, T>, state: &[usize]) -> Var<'t, T> {
    let [state, _] = shapes(state, 1);
    check_sums("rnn", from_last, state, 1);
    let operation = RnnCell { at: at.of(state) };
    from_x.tape().record(operation, &[from_x, from_last], [state])[0]
}

/// That the weight of the last output has the right number of rows.
#[track_caller]
fn check_sums<T: Real>(name: &str, from_last: Var<'_, T>, state: [usize; 2], gates: usize) {
    assert!(
        from_last.shape() == [state[0], gates * state[1]],
        "{name}: the weight of the last output gives sums of shape {:?}; expected {gates} · {} of them for a state of shape \
         {state:?}",
        from_last.shape(),
        state[1]
    );
}

/// The third output is what the way back needs.
#[derive(Clone, Copy)]
struct LstmCell {
    at: Step,
}

impl<T: Real> Operation<T> for LstmCell {
    fn name(&self) -> &'static str {
        "lstm_cell"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let inputs = [0, 1, 2].map(|k| io.input(k).data);
        T::lstm(self.at, inputs, io.outputs());
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let elements = self.at.rows * self.at.hidden;
        let adjoints = [0, 1].map(|k| {
            io.upstream(k).unwrap_or_else(|| {
                let nothing = io.scratch(elements);
                nothing.fill(T::ZERO);
                nothing
            })
        });
        let (sums, cell) = (io.scratch(4 * elements), io.scratch(elements));
        T::lstm_back(self.at, [io.output(2).data, io.input(2).data], adjoints, [&mut *sums, &mut *cell]);
        io.accumulate(0, |target, write| self.at.put(sums, 4, target, write));
        io.accumulate(1, |target, write| scale(T::ONE, sums, target, write));
        io.accumulate(2, |target, write| scale(T::ONE, cell, target, write));
    }
}

/// The second output is what the way back needs.
#[derive(Clone, Copy)]
struct GruCell {
    at: Step,
}

impl<T: Real> Operation<T> for GruCell {
    fn name(&self) -> &'static str {
        "gru_cell"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let inputs = [0, 1, 2].map(|k| io.input(k).data);
        T::gru(self.at, inputs, io.outputs());
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let Some(g) = io.upstream(0) else { return };
        let (of_x, of_h, last) = (io.scratch(3 * g.len()), io.scratch(3 * g.len()), io.scratch(g.len()));
        let values = [io.output(1).data, io.input(1).data, io.input(2).data];
        T::gru_back(self.at, values, g, [&mut *of_x, &mut *of_h, &mut *last]);
        io.accumulate(0, |target, write| self.at.put(of_x, 3, target, write));
        io.accumulate(1, |target, write| scale(T::ONE, of_h, target, write));
        io.accumulate(2, |target, write| scale(T::ONE, last, target, write));
    }
}

#[derive(Clone, Copy)]
struct RnnCell {
    at: Step,
}

impl<T: Real> Operation<T> for RnnCell {
    fn name(&self) -> &'static str {
        "rnn_cell"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let inputs = [0, 1].map(|k| io.input(k).data);
        T::rnn(self.at, inputs, io.output(0));
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (y, g) = (io.output(0).data, io.upstream(0).expect("the only output"));
        let sums = io.scratch(g.len());
        map(OfTanh, [y, g], sums, Write::Store);
        io.accumulate(0, |target, write| self.at.put(sums, 1, target, write));
        io.accumulate(1, |target, write| scale(T::ONE, sums, target, write));
    }
}

#[derive(Clone, Copy)]
struct OfTanh;

impl<T: Real> Elementwise<T, 2> for OfTanh {
    #[inline(always)]
    fn apply<S: Simd>(self, [y, g]: [T; 2]) -> T {
        g * (T::ONE - y * y)
    }
}
