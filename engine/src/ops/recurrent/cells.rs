//! Recurrent cells: one time step of an LSTM, GRU or plain RNN as an operation.

use crate::kernels::Write;
use crate::kernels::chain::chain;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map, scale};
use crate::kernels::recurrent_cells::{GRU_KEPT, LSTM_KEPT, Step};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

/// The index of a step, and the number of steps.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) step: usize,
    pub(super) steps: usize,
}

impl At {
    pub(super) const ONLY: At = At { step: 0, steps: 1 };

    fn of(self, [rows, hidden]: [usize; 2]) -> Step {
        Step { rows, hidden, steps: self.steps, step: self.step }
    }
}

/// A cell whose state has `N` parts, the first of which is its output.
pub(super) trait RecurrentCell<const N: usize> {
    const NAME: &'static str;
    const GATES: usize;

    /// The next state, from the gates' pre-activations: of the inputs of all steps, and of the last output.
    #[track_caller]
    fn step<'t, T: Real>(from_x: Var<'t, T>, at: At, from_last: Var<'t, T>, state: [Var<'t, T>; N]) -> [Var<'t, T>; N];

    /// Checks the shape of the pre-activations; returns the shapes of the state and of `kept` values per element for the
    /// backward pass.
    #[track_caller]
    fn shapes<T: Real>(from_last: Var<'_, T>, state: Var<'_, T>, kept: usize) -> [[usize; 2]; 2] {
        let &[rows, hidden] = state.shape() else { unreachable!("checked before the first step") };
        assert!(
            from_last.shape() == [rows, Self::GATES * hidden],
            "{}: the hidden-to-hidden weight gives pre-activations of shape {:?}; expected (rows, {} · {hidden}) for a state of \
             shape {:?}",
            Self::NAME,
            from_last.shape(),
            Self::GATES,
            state.shape()
        );
        [[rows, hidden], [rows, kept * hidden]]
    }
}

pub(super) struct Lstm;

impl RecurrentCell<2> for Lstm {
    const NAME: &'static str = "lstm";
    const GATES: usize = 4;

    #[track_caller]
    fn step<'t, T: Real>(
        from_x: Var<'t, T>,
        at: At,
        from_last: Var<'t, T>,
        [_, cell]: [Var<'t, T>; 2],
    ) -> [Var<'t, T>; 2] {
        let [state, kept] = Self::shapes(from_last, cell, LSTM_KEPT);
        let operation = LstmCell { at: at.of(state) };
        let [output, cell, _] = from_x.tape().record(operation, &[from_x, from_last, cell], [state, state, kept]);
        [output, cell]
    }
}

pub(super) struct Gru;

impl RecurrentCell<1> for Gru {
    const NAME: &'static str = "gru";
    const GATES: usize = 3;

    #[track_caller]
    fn step<'t, T: Real>(
        from_x: Var<'t, T>,
        at: At,
        from_last: Var<'t, T>,
        [last]: [Var<'t, T>; 1],
    ) -> [Var<'t, T>; 1] {
        let [state, kept] = Self::shapes(from_last, last, GRU_KEPT);
        let operation = GruCell { at: at.of(state) };
        [from_x.tape().record(operation, &[from_x, from_last, last], [state, kept])[0]]
    }
}

pub(super) struct Rnn;

impl RecurrentCell<1> for Rnn {
    const NAME: &'static str = "rnn";
    const GATES: usize = 1;

    #[track_caller]
    fn step<'t, T: Real>(
        from_x: Var<'t, T>,
        at: At,
        from_last: Var<'t, T>,
        [last]: [Var<'t, T>; 1],
    ) -> [Var<'t, T>; 1] {
        let [state, _] = Self::shapes(from_last, last, 0);
        let operation = RnnCell { at: at.of(state) };
        from_x.tape().record(operation, &[from_x, from_last], [state])
    }
}

/// A plain network whose outputs are rectified: the step is a sum and an activation.
pub(super) struct ReluRnn;

impl RecurrentCell<1> for ReluRnn {
    const NAME: &'static str = "rnn_relu";
    const GATES: usize = 1;

    #[track_caller]
    fn step<'t, T: Real>(
        from_x: Var<'t, T>,
        at: At,
        from_last: Var<'t, T>,
        [last]: [Var<'t, T>; 1],
    ) -> [Var<'t, T>; 1] {
        let [[rows, _], _] = Self::shapes(from_last, last, 0);
        let own = from_x.at(1, at.step as isize);
        // Of padded sequences only the first rows have the step.
        let own = if own.shape()[0] == rows { own } else { own.slice(0, ..rows as isize, 1) };
        [(own + from_last).relu()]
    }
}

/// Passes the adjoints of the sums over this step's input and over the last output to the first two inputs.
fn pass_to_sums<T: Real>(at: Step, gates: usize, [of_x, of_h]: [&[T]; 2], io: &mut Adjoints<'_, T>) {
    io.accumulate(0, |target, write| at.put(of_x, gates, target, write));
    io.accumulate(1, |target, write| scale(T::ONE, of_h, target, write));
}

/// The third output is kept for the adjoint.
#[derive(Clone, Copy)]
struct LstmCell {
    at: Step,
}

impl<T: Real> Operation<T> for LstmCell {
    fn name(&self) -> &'static str {
        "lstm_cell"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Cell("lstm_cell", self.at.step))
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
        pass_to_sums(self.at, 4, [sums, sums], io);
        io.accumulate(2, |target, write| scale(T::ONE, cell, target, write));
    }
}

/// The second output is kept for the adjoint.
#[derive(Clone, Copy)]
struct GruCell {
    at: Step,
}

impl<T: Real> Operation<T> for GruCell {
    fn name(&self) -> &'static str {
        "gru_cell"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Cell("gru_cell", self.at.step))
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
        pass_to_sums(self.at, 3, [of_x, of_h], io);
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

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Cell("rnn_cell", self.at.step))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let inputs = [0, 1].map(|k| io.input(k).data);
        T::rnn(self.at, inputs, io.output(0));
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (y, g) = (io.output(0).data, io.upstream(0).expect("the only output"));
        let sums = io.scratch(g.len());
        map(OfTanh, [y, g], sums, Write::Store);
        pass_to_sums(self.at, 1, [sums, sums], io);
    }
}

#[derive(Clone, Copy)]
struct OfTanh;

impl<T: Real> Elementwise<T, 2> for OfTanh {
    #[inline(always)]
    fn apply<S: Simd>(self, [y, g]: [T; 2]) -> T {
        chain(g, T::ONE - y * y)
    }
}
