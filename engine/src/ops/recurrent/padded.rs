//! Recurrent networks over sequences of different lengths, padded to one.
//!
//! Rows are processed in descending order of length: those that have a step are then the first ones, and each step computes
//! only these. All computed states are kept one after the other, the initial ones first, and outputs and final states are
//! looked up there.

use std::cell::Cell;

use super::cells::{At, Gru, Lstm, RecurrentCell, ReluRnn, Rnn};
use super::{Recurrent, check, from_inputs, next, unroll};
use crate::{Linear, Real, Tape, Var};

impl<'t, T: Real> Var<'t, T> {
    /// [`lstm`](Var::lstm) over padded sequences: example i has `lengths`\[i\] steps, and those after them are padding.
    ///
    /// The results of an example are those of its steps alone. A reversed network starts at each example's own last step.
    /// The final state is the one after the example's last step (reversed: after its first), and outputs at padded steps
    /// are 0. An example of length 0 keeps its initial state. Padding may hold any value, NaN too: it is not read, and its
    /// gradient is exactly 0.
    ///
    /// A step computes only the examples that have it, so it is faster than computing the padding.
    ///
    /// ```
    /// use elbo_engine::{Recurrent, Tape, Tensor};
    ///
    /// let [x, w, b]: [Tensor; 3] = [&[2, 5, 3][..], &[16, 3], &[16]].map(|shape| Tensor::full(shape, 0.1));
    /// let (v, zeros) = (Tensor::full([16, 4], 0.1), Tensor::zeros([2, 4]));
    /// let tape = Tape::new();
    /// let [w, v, b, zeros] = [&w, &v, &b, &zeros].map(|tensor| tape.input(tensor));
    /// let weights = Recurrent { weight_ih: w, weight_hh: v, biases: [Some(b), Some(b)], projection: None, reverse: false };
    /// let (outputs, [last, _]) = tape.input(&x).lstm_padded(&[5, 2], weights, [zeros; 2]);
    /// assert_eq!(outputs.at(0, 1).at(0, 1).value(), last.at(0, 1).value());
    /// assert_eq!(outputs.at(0, 1).at(0, 2).value(), [0.0; 4]);
    /// ```
    ///
    /// # Panics
    /// As [`lstm`](Var::lstm), if there is not one length for each example, or if a length exceeds the steps of x.
    #[track_caller]
    pub fn lstm_padded(
        self,
        lengths: &[usize],
        weights: Recurrent<impl Linear<'t, T>>,
        state: [Var<'t, T>; 2],
    ) -> (Var<'t, T>, [Var<'t, T>; 2]) {
        unroll_padded::<T, Lstm, 2>(self, lengths, weights, state)
    }

    /// [`gru`](Var::gru) over padded sequences: see [`lstm_padded`](Var::lstm_padded).
    ///
    /// # Panics
    /// As [`lstm_padded`](Var::lstm_padded).
    #[track_caller]
    pub fn gru_padded(
        self,
        lengths: &[usize],
        weights: Recurrent<impl Linear<'t, T>>,
        state: Var<'t, T>,
    ) -> (Var<'t, T>, Var<'t, T>) {
        let (outputs, [state]) = unroll_padded::<T, Gru, 1>(self, lengths, weights, [state]);
        (outputs, state)
    }

    /// [`rnn`](Var::rnn) over padded sequences: see [`lstm_padded`](Var::lstm_padded).
    ///
    /// # Panics
    /// As [`lstm_padded`](Var::lstm_padded).
    #[track_caller]
    pub fn rnn_padded(
        self,
        lengths: &[usize],
        weights: Recurrent<impl Linear<'t, T>>,
        state: Var<'t, T>,
    ) -> (Var<'t, T>, Var<'t, T>) {
        let (outputs, [state]) = unroll_padded::<T, Rnn, 1>(self, lengths, weights, [state]);
        (outputs, state)
    }

    /// [`rnn_relu`](Var::rnn_relu) over padded sequences: see [`lstm_padded`](Var::lstm_padded).
    ///
    /// # Panics
    /// As [`lstm_padded`](Var::lstm_padded).
    #[track_caller]
    pub fn rnn_relu_padded(
        self,
        lengths: &[usize],
        weights: Recurrent<impl Linear<'t, T>>,
        state: Var<'t, T>,
    ) -> (Var<'t, T>, Var<'t, T>) {
        let (outputs, [state]) = unroll_padded::<T, ReluRnn, 1>(self, lengths, weights, [state]);
        (outputs, state)
    }
}

/// [`unroll`] over the first `lengths`\[i\] steps of each example.
#[track_caller]
fn unroll_padded<'t, T: Real, C: RecurrentCell<N>, const N: usize>(
    x: Var<'t, T>,
    lengths: &[usize],
    weights: Recurrent<impl Linear<'t, T>>,
    initial: [Var<'t, T>; N],
) -> (Var<'t, T>, [Var<'t, T>; N]) {
    let [examples, steps] = check(C::NAME, x, &initial, weights.projection.is_some());
    check_lengths(C::NAME, x, lengths);
    if lengths.iter().all(|&length| length == steps) {
        return unroll::<T, C, N>(x, weights, initial);
    }
    let tape = x.tape();
    let rows = Rows::of(tape, lengths);
    let longest = rows.counts.len();
    let initial = initial.map(|part| rows.sort(part));
    let outputs = initial[0].shape()[1];
    // The initial states, those of each step, and a row of zeros for the outputs of padding.
    let states = initial.map(|part| tape.alloc_slice_without_drop(longest + 2, |_| Cell::new(part)));
    states[0][longest + 1].set(tape.constant([1, outputs], |_| T::ZERO));
    if longest > 0 {
        let from_x = from_inputs(C::NAME, rows.without_padding(x), weights, initial[N - 1], C::GATES);
        let mut state = initial;
        for i in 0..longest {
            let step = if weights.reverse { longest - 1 - i } else { i };
            for (part, initial) in state.iter_mut().zip(initial) {
                *part = first_rows(*part, initial, rows.counts[step]);
            }
            state = next::<T, C, N>(from_x, At { step, steps: longest }, weights, state);
            states.iter().zip(state).for_each(|(states, part)| states[1 + step].set(part));
        }
    }
    let all = states.map(|states| tape.alloc_slice(states.len(), |i| states[i].get()));
    let chosen = Var::concat(all[0], 0).index_select(0, rows.outputs(tape, lengths, steps));
    let last = rows.last(tape, lengths, weights.reverse);
    let state = all.map(|all| Var::concat(&all[..=longest], 0).index_select(0, last));
    (chosen.reshape([examples, steps, outputs]), state)
}

/// The first `count` rows of `state`, continued by those of `initial`.
#[track_caller]
fn first_rows<'t, T: Real>(state: Var<'t, T>, initial: Var<'t, T>, count: usize) -> Var<'t, T> {
    let held = state.shape()[0];
    if count < held {
        state.slice(0, ..count as isize, 1)
    } else if count > held {
        Var::concat(&[state, initial.slice(0, held as isize..count as isize, 1)], 0)
    } else {
        state
    }
}

#[track_caller]
fn check_lengths<T: Real>(name: &str, x: Var<'_, T>, lengths: &[usize]) {
    let shape = x.shape();
    assert!(
        lengths.len() == shape[0],
        "{name}: {} lengths for x of shape {shape:?} (examples, steps, inputs); expected one for each of {} examples",
        lengths.len(),
        shape[0]
    );
    if let Some(row) = lengths.iter().position(|&length| length > shape[1]) {
        let length = lengths[row];
        panic!("{name}: the length of row {row} is {length}, but x of shape {shape:?} has {} steps", shape[1]);
    }
}

/// The order of rows by descending length, and the number of rows that have each step.
struct Rows<'t> {
    /// The number of rows that have step t.
    counts: &'t [usize],
    /// The row at each place.
    order: &'t [usize],
    /// The place of each row.
    places: &'t [usize],
    /// The place of the first state of each step among all states; as many initial states precede them as there are rows.
    starts: &'t [usize],
}

impl<'t> Rows<'t> {
    /// Sorts the rows by counting; rows of equal length stay in their order.
    fn of<T: Real>(tape: &'t Tape<T>, lengths: &[usize]) -> Self {
        let longest = lengths.iter().copied().max().unwrap_or(0);
        // At first the rows of each length, then the number of longer rows.
        let longer = tape.alloc_slice_without_drop(longest + 1, |_| Cell::new(0usize));
        lengths.iter().for_each(|&length| longer[length].update(|rows| rows + 1));
        let mut before = 0;
        for cell in longer.iter().rev() {
            before += cell.replace(before);
        }
        let counts = tape.alloc_slice(longest, |step| longer[step].get());
        let order = tape.alloc_slice_without_drop(lengths.len(), |_| Cell::new(0));
        let places = tape.alloc_slice(lengths.len(), |row| {
            let place = longer[lengths[row]].get();
            longer[lengths[row]].set(place + 1);
            order[place].set(row);
            place
        });
        let order = tape.alloc_slice(lengths.len(), |place| order[place].get());
        let mut next = lengths.len();
        let starts = tape.alloc_slice(longest, |step| {
            next += counts[step];
            next - counts[step]
        });
        Rows { counts, order, places, starts }
    }

    /// The rows of `x` in this order.
    #[track_caller]
    fn sort<T: Real>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let is_sorted = self.order.iter().enumerate().all(|(place, &row)| place == row);
        if is_sorted { x } else { x.index_select(0, self.order) }
    }

    /// x (examples, steps, inputs) in this order, up to the longest row's end, with zeros for the padding.
    #[track_caller]
    fn without_padding<T: Real>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (rows, longest) = (self.order.len(), self.counts.len());
        let mut x = self.sort(x);
        if longest < x.shape()[1] {
            x = x.slice(1, ..longest as isize, 1);
        }
        let is_real = |place: usize, step: usize| place < self.counts[step];
        let tape = x.tape();
        let mask = tape.constant([rows, longest, 1], |i| T::from_f64(f64::from(is_real(i / longest, i % longest))));
        mask.select(x, tape.constant([], |_| T::ZERO))
    }

    /// For each example and step, the place of its output among all states; for padding, the place after them.
    fn outputs<T: Real>(&self, tape: &'t Tape<T>, lengths: &[usize], steps: usize) -> &'t [usize] {
        let zeros = self.order.len() + self.counts.iter().sum::<usize>();
        tape.alloc_slice(lengths.len() * steps, |i| {
            let (row, step) = (i / steps, i % steps);
            if step < lengths[row] { self.starts[step] + self.places[row] } else { zeros }
        })
    }

    /// For each example, the place of its final state among all states.
    fn last<T: Real>(&self, tape: &'t Tape<T>, lengths: &[usize], reverse: bool) -> &'t [usize] {
        tape.alloc_slice(lengths.len(), |row| {
            let start = match lengths[row] {
                0 => 0,
                _ if reverse => self.starts[0],
                length => self.starts[length - 1],
            };
            start + self.places[row]
        })
    }
}
