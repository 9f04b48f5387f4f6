//! Recurrent networks over padded sequences: each row as its steps alone, and nothing from the padding.

use elbo_engine::{Adjoints, Evaluation, Gradients, Operation, Parameters, Path, Recurrent, Role, Tape, Tensor, Var};
use elbo_engine::{Visitor, VisitorMut};

use crate::common::{Random, assert_near};

const INPUTS: usize = 3;
const HIDDEN: usize = 4;

/// The longest row, padded rows in no order, rows of equal length, a row of one step and one of none.
const LENGTHS: [usize; 7] = [2, 5, 1, 0, 3, 5, 2];
const STEPS: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Lstm,
    Gru,
    Rnn,
}

const KINDS: [(Kind, usize); 3] = [(Kind::Lstm, 4), (Kind::Gru, 3), (Kind::Rnn, 1)];

/// Two stacked layers (input weights, recurrent weights and both biases each) and the initial states of the first.
struct Network {
    weights: [[Tensor<f64>; 4]; 2],
    states: [Tensor<f64>; 2],
}

impl Network {
    fn new(random: &mut Random, gates: usize) -> Self {
        let mut layer = |inputs: usize| {
            [&[gates * HIDDEN, inputs][..], &[gates * HIDDEN, HIDDEN], &[gates * HIDDEN], &[gates * HIDDEN]]
                .map(|shape| random.tensor(shape))
        };
        let weights = [layer(INPUTS), layer(HIDDEN)];
        Network { weights, states: [(); 2].map(|()| random.tensor(&[LENGTHS.len(), HIDDEN])) }
    }
}

impl Parameters for Network {
    type Scalar = f64;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, f64>) {
        let tensors = self.weights.iter().flatten().chain(&self.states);
        tensors.enumerate().for_each(|(i, tensor)| f(&path.index(i), Role::Point, tensor));
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, f64>) {
        let tensors = self.weights.iter_mut().flatten().chain(&mut self.states);
        tensors.enumerate().for_each(|(i, tensor)| f(&path.index(i), Role::Point, tensor));
    }
}

/// Outputs and final states of a layer; with `lengths` none, x is a single row without padding.
fn layer<'t>(
    kind: Kind,
    x: Var<'t, f64>,
    lengths: Option<&[usize]>,
    weights: [Var<'t, f64>; 4],
    state: [Var<'t, f64>; 2],
    reverse: bool,
) -> (Var<'t, f64>, [Var<'t, f64>; 2]) {
    let [weight_ih, weight_hh, b, c] = weights;
    let weights = Recurrent { weight_ih, weight_hh, biases: [Some(b), Some(c)], projection: None, reverse };
    let twice = |(outputs, last)| (outputs, [last; 2]);
    match (kind, lengths) {
        (Kind::Lstm, None) => x.lstm(weights, state),
        (Kind::Gru, None) => twice(x.gru(weights, state[0])),
        (Kind::Rnn, None) => twice(x.rnn(weights, state[0])),
        (Kind::Lstm, Some(lengths)) => x.lstm_padded(lengths, weights, state),
        (Kind::Gru, Some(lengths)) => twice(x.gru_padded(lengths, weights, state[0])),
        (Kind::Rnn, Some(lengths)) => twice(x.rnn_padded(lengths, weights, state[0])),
    }
}

/// The outputs of the second of two layers in opposite directions, and the final states of both.
fn two_layers<'t>(
    kind: Kind,
    network: [[Var<'t, f64>; 4]; 2],
    x: Var<'t, f64>,
    lengths: Option<&[usize]>,
    states: [Var<'t, f64>; 2],
    reverse: bool,
) -> [Var<'t, f64>; 5] {
    let (h, [a, b]) = layer(kind, x, lengths, network[0], states, reverse);
    let (outputs, [c, d]) = layer(kind, h, lengths, network[1], states, !reverse);
    [outputs, a, b, c, d]
}

/// Differs for every row, step and feature.
fn weight_of(row: usize, step: usize, feature: usize) -> f64 {
    (1.0 + 0.7 * row as f64 + 1.3 * step as f64 + 0.4 * feature as f64).sin()
}

/// A sum in which every output and every part of a final state has its own weight.
fn loss<'t>([outputs, ends @ ..]: [Var<'t, f64>; 5], row: usize) -> Var<'t, f64> {
    let (tape, shape) = (outputs.tape(), outputs.shape());
    let at = |i: usize| (row + i / (shape[1] * HIDDEN), i / HIDDEN % shape[1], i % HIDDEN);
    let weights = tape.constant(shape, |i| {
        let (row, step, feature) = at(i);
        weight_of(row, step, feature)
    });
    let ends = ends.into_iter().enumerate().map(|(k, end)| {
        let weights = tape.constant(end.shape(), |i| weight_of(row + i / HIDDEN, 10 + k, i % HIDDEN));
        (end.square() * weights).sum()
    });
    ends.fold((outputs.square() * weights).sum(), |sum, end| sum + end)
}

fn gradients_of(gradients: &Gradients<f64>) -> Vec<f64> {
    gradients.iter().flat_map(|(_, _, gradient)| gradient.to_vec()).collect()
}

/// Both layers for every kind and direction, with this value in the padding: values, gradients of the weights, the initial
/// states and x.
fn as_the_rows_alone(padding: f64) {
    for ((kind, gates), reverse) in KINDS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let mut random = Random::new(3 + gates as u64);
        let network = Network::new(&mut random, gates);
        let mut x = random.tensor(&[LENGTHS.len(), STEPS, INPUTS]);
        for (i, element) in x.data_mut().iter_mut().enumerate() {
            if i / INPUTS % STEPS >= LENGTHS[i / (STEPS * INPUTS)] {
                *element = padding;
            }
        }
        let (mut of_all, mut of_rows) = (Gradients::of(&network), Gradients::of(&network));
        let mut of_x = Gradients::of(&x);

        let tape = Tape::new();
        let weights = network.weights.each_ref().map(|layer| layer.each_ref().map(|tensor| tape.param(tensor)));
        let states = network.states.each_ref().map(|tensor| tape.param(tensor));
        let all = two_layers(kind, weights, tape.input(&x), Some(&LENGTHS), states, reverse);
        loss(all, 0).backward(&mut of_all);
        // Gradients are of the parameters of one model on a tape.
        let on_x = Tape::new();
        let inputs = network.weights.each_ref().map(|layer| layer.each_ref().map(|tensor| on_x.input(tensor)));
        let constant = network.states.each_ref().map(|tensor| on_x.input(tensor));
        loss(two_layers(kind, inputs, on_x.param(&x), Some(&LENGTHS), constant, reverse), 0).backward(&mut of_x);

        for (row, &length) in LENGTHS.iter().enumerate() {
            let start = states.map(|state| state.slice(0, row as isize..=row as isize, 1));
            let own = |part: Var<'_, f64>| part.value()[row * HIDDEN..][..HIDDEN].to_vec();
            let outputs = &all[0].value()[row * STEPS * HIDDEN..][..STEPS * HIDDEN];
            let (real, padded) = outputs.split_at(length * HIDDEN);
            assert!(padded.iter().all(|&output| output == 0.0), "{kind:?}, row {row}: {padded:?}");
            let of_row = &of_x.get("").unwrap()[row * STEPS * INPUTS..][..STEPS * INPUTS];
            let (of_real, of_padded) = of_row.split_at(length * INPUTS);
            assert!(of_padded.iter().all(|&gradient| gradient == 0.0), "{kind:?}, row {row}: {of_padded:?}");
            if length == 0 {
                for (k, end) in all[1..].iter().enumerate() {
                    assert_eq!(own(*end), start[if kind == Kind::Lstm { k % 2 } else { 0 }].value());
                }
                let [first, second] = if kind == Kind::Lstm { start } else { [start[0]; 2] };
                let nothing = tape.constant([1, 0, HIDDEN], |_| 0.0);
                loss([nothing, first, second, first, second], row).backward(&mut of_rows);
                continue;
            }
            let steps = Tensor::new([1, length, INPUTS], &x.data()[row * STEPS * INPUTS..][..length * INPUTS]);
            let mut of_steps = Gradients::of(&steps);
            let alone = Tape::new();
            let weights = network.weights.each_ref().map(|layer| layer.each_ref().map(|tensor| alone.param(tensor)));
            let start =
                network.states.each_ref().map(|tensor| alone.param(tensor).slice(0, row as isize..=row as isize, 1));
            let expected = two_layers(kind, weights, alone.input(&steps), None, start, reverse);
            assert_near(real, expected[0].value(), 1e-12);
            for (end, expected) in all[1..].iter().zip(&expected[1..]) {
                assert_near(&own(*end), expected.value(), 1e-12);
            }
            loss(expected, row).backward(&mut of_rows);
            let alone = Tape::new();
            let inputs = network.weights.each_ref().map(|layer| layer.each_ref().map(|tensor| alone.input(tensor)));
            let start =
                network.states.each_ref().map(|tensor| alone.input(tensor).slice(0, row as isize..=row as isize, 1));
            loss(two_layers(kind, inputs, alone.param(&steps), None, start, reverse), row).backward(&mut of_steps);
            assert_near(of_real, of_steps.get("").unwrap(), 1e-12);
        }
        assert_near(&gradients_of(&of_all), &gradients_of(&of_rows), 1e-12);
    }
}

#[test]
fn a_row_is_as_its_steps_alone() {
    as_the_rows_alone(0.0);
    as_the_rows_alone(17.0);
}

#[test]
fn padding_that_is_not_finite_reaches_nothing() {
    as_the_rows_alone(f64::NAN);
    as_the_rows_alone(f64::INFINITY);
}

#[test]
fn a_reversed_lstm_begins_at_the_last_real_step() {
    let part = |k: usize, shape: &[usize]| Tensor::<f64>::from_fn(shape, |i| (0.7 * (i + 5 * k) as f64).sin());
    let (ih, hh, b, c) = (part(1, &[12, 1]), part(2, &[12, 3]), part(3, &[12]), part(4, &[12]));
    let x = Tensor::new([1, 4, 1], [0.7, 0.1, 0.0, 0.0]);
    let tape = Tape::new();
    let [weight_ih, weight_hh, b, c] = [&ih, &hh, &b, &c].map(|tensor| tape.input(tensor));
    let weights = Recurrent { weight_ih, weight_hh, biases: [Some(b), Some(c)], projection: None, reverse: true };
    let zeros = tape.constant([1, 3], |_| 0.0);
    let (outputs, [last, _]) = tape.input(&x).lstm_padded(&[2], weights, [zeros; 2]);
    assert_near(&outputs.value()[..3], &[0.223, 0.091, 0.040], 5e-4);
    assert_eq!(&outputs.value()[..3], last.value());
    assert_eq!(outputs.value()[6..], [0.0; 6]);
}

/// The number of draw i is `self.0[i]`.
#[derive(Clone, Copy)]
struct Factors<'a>(&'a [f64]);

impl Operation<f64> for Factors<'_> {
    fn name(&self) -> &'static str {
        "factors"
    }

    fn forward(&self, io: &mut Evaluation<'_, f64>) {
        let factor = self.0[io.draw()];
        io.output(0)[0] = factor;
    }

    fn adjoint(&self, _: &mut Adjoints<'_, f64>) {}
}

#[test]
fn several_draws_of_the_weights_are_each_as_one() {
    let mut random = Random::new(5);
    let network = Network::new(&mut random, 4);
    let x = random.tensor(&[LENGTHS.len(), STEPS, INPUTS]);
    let run = |factors: &[f64]| {
        let tape = Tape::new();
        let operation = Factors(tape.alloc_slice(factors.len(), |i| factors[i]));
        let one = tape.constant([], |_| 1.0);
        let factor = tape.record_draws(factors.len(), operation, &[one], [[0; 0]])[0];
        let weights = network.weights[0].each_ref().map(|tensor| tape.input(tensor) * factor);
        let states = network.states.each_ref().map(|tensor| tape.input(tensor));
        let (outputs, [last, cell]) = layer(Kind::Lstm, tape.input(&x), Some(&LENGTHS), weights, states, true);
        [outputs, last, cell].map(|part| part.value().to_vec())
    };
    let both = run(&[0.5, 1.5]);
    for (draw, factor) in [0.5, 1.5].into_iter().enumerate() {
        for (both, one) in both.iter().zip(run(&[factor])) {
            assert_near(&both[draw * one.len()..][..one.len()], &one, 1e-12);
        }
    }
}
