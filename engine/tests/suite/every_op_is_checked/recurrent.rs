//! Gradient checks of recurrent networks: cells against their equations, and sequences against their steps.

use elbo_engine::{Recurrent, Tape, Tensor, Var};

use super::moving::is;
use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[
    ("lstm_cell", lstm_cell),
    ("gru_cell", gru_cell),
    ("rnn_cell", rnn_cell),
    ("lstm", |random| {
        sequences(random, 4, |x, weights, state| {
            let (outputs, [last, cell]) = x.lstm(weights, [state, state * 0.5]);
            [outputs, last, cell]
        })
    }),
    ("gru", |random| {
        sequences(random, 3, |x, weights, state| {
            let (outputs, last) = x.gru(weights, state);
            [outputs, last, last]
        })
    }),
    ("rnn", |random| {
        sequences(random, 1, |x, weights, state| {
            let (outputs, last) = x.rnn(weights, state);
            [outputs, last, last]
        })
    }),
    ("rnn_relu", |random| {
        sequences(random, 1, |x, weights, state| {
            let (outputs, last) = x.rnn_relu(weights, state);
            [outputs, last, last]
        })
    }),
    ("lstm_padded", |random| {
        padded(random, 4, |x, lengths, weights, state| {
            let (outputs, [last, cell]) = x.lstm_padded(lengths, weights, [state, state * 0.5]);
            [outputs, last, cell]
        })
    }),
    ("gru_padded", |random| {
        padded(random, 3, |x, lengths, weights, state| {
            let (outputs, last) = x.gru_padded(lengths, weights, state);
            [outputs, last, last]
        })
    }),
    ("rnn_padded", |random| {
        padded(random, 1, |x, lengths, weights, state| {
            let (outputs, last) = x.rnn_padded(lengths, weights, state);
            [outputs, last, last]
        })
    }),
    ("rnn_relu_padded", |random| {
        padded(random, 1, |x, lengths, weights, state| {
            let (outputs, last) = x.rnn_relu_padded(lengths, weights, state);
            [outputs, last, last]
        })
    }),
];

/// Both kinds of sums for `gates` gates, and a state.
fn step(random: &mut Random, gates: usize) -> [Tensor<f64>; 3] {
    let (examples, hidden) = (random.below(4), random.below(20));
    [gates * hidden, gates * hidden, hidden].map(|width| random.tensor(&[examples, width]))
}

/// Gate `k` of the sums of an element of the state.
fn gate(sums: &Tensor<f64>, hidden: usize, k: usize, at: &[usize]) -> f64 {
    sums.data()[at[0] * sums.shape()[1] + k * hidden + at[1]]
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn near(value: Var<'_, f64>, shape: &[usize], expected: impl Fn(&[usize]) -> f64) {
    let rounded = value.value().iter().map(|x| (x * 1e9).round()).collect::<Vec<_>>();
    let rounded = Tensor::new(value.shape(), rounded);
    let tape = Tape::new();
    is(tape.input(&rounded), shape, |at| (expected(at) * 1e9).round());
}

fn lstm_cell(random: &mut Random) {
    let mut model = step(random, 4);
    // Both outputs, and each alone.
    agree(&mut model, |tape, [x, last, cell]| {
        let [out, cell] = tape.param(x).lstm_cell(tape.param(last), tape.param(cell));
        out.square() + cell
    });
    agree(&mut model, |tape, [x, last, cell]| tape.param(x).lstm_cell(tape.param(last), tape.param(cell))[0]);
    agree(&mut model, |tape, [x, last, cell]| tape.param(x).lstm_cell(tape.param(last), tape.param(cell))[1]);
    let [x, last, cell] = &model;
    let tape = Tape::new();
    let [out, new] = tape.input(x).lstm_cell(tape.input(last), tape.input(cell));
    let hidden = cell.shape()[1];
    let sum = |k: usize, at: &[usize]| gate(x, hidden, k, at) + gate(last, hidden, k, at);
    let expected =
        |at: &[usize]| sigmoid(sum(1, at)) * gate(cell, hidden, 0, at) + sigmoid(sum(0, at)) * sum(2, at).tanh();
    near(new, cell.shape(), expected);
    near(out, cell.shape(), |at| sigmoid(sum(3, at)) * expected(at).tanh());
}

fn gru_cell(random: &mut Random) {
    let mut model = step(random, 3);
    agree(&mut model, |tape, [x, from_last, last]| tape.param(x).gru_cell(tape.param(from_last), tape.param(last)));
    let [x, from_last, last] = &model;
    let tape = Tape::new();
    let out = tape.input(x).gru_cell(tape.input(from_last), tape.input(last));
    let hidden = last.shape()[1];
    near(out, last.shape(), |at| {
        let [r, z] = [0, 1].map(|k| sigmoid(gate(x, hidden, k, at) + gate(from_last, hidden, k, at)));
        let new = (gate(x, hidden, 2, at) + r * gate(from_last, hidden, 2, at)).tanh();
        (1.0 - z) * new + z * gate(last, hidden, 0, at)
    });
}

fn rnn_cell(random: &mut Random) {
    let [x, last, _] = step(random, 1);
    agree(&mut [x.clone(), last.clone()], |tape, [x, last]| tape.param(x).rnn_cell(tape.param(last)));
    let tape = Tape::new();
    near(tape.input(&x).rnn_cell(tape.input(&last)), x.shape(), |at| {
        (gate(&x, x.shape()[1], 0, at) + gate(&last, x.shape()[1], 0, at)).tanh()
    });
}

/// Outputs, last output and last state of a network with `gates` gates: gradients in both directions, with and without
/// biases; and a sequence equals its steps, one after the other.
fn sequences(
    random: &mut Random,
    gates: usize,
    network: impl for<'t> Fn(Var<'t, f64>, Recurrent<Var<'t, f64>>, Var<'t, f64>) -> [Var<'t, f64>; 3],
) {
    let (examples, steps, inputs, hidden) = (random.below(4), 1 + random.below(4), random.below(4), random.below(4));
    let mut model = [
        random.tensor(&[examples, steps, inputs]),
        random.tensor(&[gates * hidden, inputs]),
        random.tensor(&[gates * hidden, hidden]),
        random.tensor(&[gates * hidden]),
        random.tensor(&[gates * hidden]),
        random.tensor(&[examples, hidden]),
    ];
    let (reverse, biased) = (random.below(2) == 0, random.below(2) == 0);
    for part in 0..3 {
        agree(&mut model, |tape, model| {
            let [x, rest @ ..] = model.each_ref().map(|tensor| tape.param(tensor));
            network(x, weights(rest, biased, reverse), rest[4])[part]
        });
    }

    let tape = Tape::new();
    let [x, rest @ ..] = model.each_ref().map(|tensor| tape.input(tensor));
    let run = |x, reverse| network(x, weights(rest, biased, reverse), rest[4]);
    let [outputs, last, _] = run(x, false);
    assert_eq!(outputs.shape(), [examples, steps, hidden]);
    assert_eq!(outputs.at(1, -1).value(), last.value());
    // The reverse direction is the same network over the reversed steps.
    let [turned, last, state] = run(x.flip(&[1]), true);
    assert_eq!(turned.flip(&[1]).value(), outputs.value());
    assert_eq!([last.value(), state.value()], run(x, false)[1..].iter().map(|x| x.value()).collect::<Vec<_>>()[..]);
    // Earlier outputs do not depend on later steps.
    let [begun, ..] = run(x.slice(1, ..1, 1), false);
    assert_eq!(begun.value(), outputs.slice(1, ..1, 1).value());
}

/// Outputs, last output and last state of a network over padded sequences, in both directions. That a row equals its steps
/// alone is tested in `padded_sequences.rs`.
fn padded(
    random: &mut Random,
    gates: usize,
    network: impl for<'t> Fn(Var<'t, f64>, &[usize], Recurrent<Var<'t, f64>>, Var<'t, f64>) -> [Var<'t, f64>; 3],
) {
    let (examples, steps, inputs, hidden) = (random.below(5), 1 + random.below(4), random.below(4), random.below(4));
    let lengths: Vec<usize> = (0..examples).map(|_| random.below(steps + 1)).collect();
    let mut model = [
        random.tensor(&[examples, steps, inputs]),
        random.tensor(&[gates * hidden, inputs]),
        random.tensor(&[gates * hidden, hidden]),
        random.tensor(&[gates * hidden]),
        random.tensor(&[gates * hidden]),
        random.tensor(&[examples, hidden]),
    ];
    let (reverse, biased) = (random.below(2) == 0, random.below(2) == 0);
    for part in 0..3 {
        agree(&mut model, |tape, model| {
            let [x, rest @ ..] = model.each_ref().map(|tensor| tape.param(tensor));
            network(x, &lengths, weights(rest, biased, reverse), rest[4])[part]
        });
    }
}

fn weights<'t>(
    [weight_ih, weight_hh, b, c, _]: [Var<'t, f64>; 5],
    biased: bool,
    reverse: bool,
) -> Recurrent<Var<'t, f64>> {
    Recurrent { weight_ih, weight_hh, biases: [b, c].map(|b| biased.then_some(b)), projection: None, reverse }
}
