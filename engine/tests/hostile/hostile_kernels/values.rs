//! Operations on values, with implementations of public traits that violate their contracts.

use std::cell::Cell;

use elbo_engine::{Activation, Indices, Linear, Operand, Recurrent, Scaling, Tape, Tensor, Var};

use super::panics;

/// A shape that changes from call to call.
struct Fickle {
    shapes: [Vec<usize>; 2],
    asked: Cell<usize>,
}

impl Fickle {
    fn new(first: &[usize], then: &[usize]) -> Fickle {
        Fickle { shapes: [first.to_vec(), then.to_vec()], asked: Cell::new(0) }
    }
}

impl AsRef<[usize]> for Fickle {
    fn as_ref(&self) -> &[usize] {
        let asked = self.asked.replace(self.asked.get() + 1);
        &self.shapes[asked.min(1)]
    }
}

#[test]
fn a_shape_is_read_once() {
    let x: Tensor = Tensor::full([6], 1.0);
    let tape = Tape::new();
    let x = tape.input(&x);
    for then in [&[1 << 20][..], &[1, 2, 3, 4], &[]] {
        let reshaped = x.reshape(Fickle::new(&[2, 3], then));
        assert_eq!((reshaped.shape(), reshaped.value()), (&[2, 3][..], &[1.0; 6][..]));
        let repeated = x.broadcast_to(Fickle::new(&[2, 6], then));
        assert_eq!((repeated.shape(), repeated.value()), (&[2, 6][..], &[1.0; 12][..]));
    }
}

#[test]
fn lengths_that_overflow_are_rejected_or_empty() {
    // With an axis of length 0 the product is 0, even if the others overflow.
    let x: Tensor = Tensor::new([0, 1 << 20], []);
    let tape = Tape::new();
    let x = tape.input(&x);
    assert_eq!(x.sum_axes(&[0], false).value().len(), 1 << 20);
    panics(&["more elements than memory"], || x.reshape([1 << 63, 2]));
    for groups in [1, 3, 1 << 40, 1 << 61, 1 << 63] {
        let x = tape.constant([3, 0, 2], |_| 0.0);
        assert_eq!(x.group_norm(groups, (), 1e-5).shape(), [3, 0, 2]);
    }
}

#[test]
fn indices_out_of_range_are_rejected() {
    let x: Tensor = Tensor::from_fn([3, 2], |i| i as f64);
    let tape = Tape::new();
    let x = tape.input(&x);
    panics(&["gather", "3"], || x.gather(0, Indices::new([1, 2], &[0, 3])));
    let ones = tape.constant([1, 2], |_| 1.0);
    let beyond = || Indices::new([1, 2], &[0, usize::MAX]);
    panics(&["scatter_add", "18446744073709551615"], || x.scatter_add(0, beyond(), ones));
    panics(&["embedding", "1152921504606846976"], || x.embedding(&[1 << 60]));
    panics(&["cross_entropy", "label 2"], || x.cross_entropy(&[0, 1, 2]));
}

/// A bias without a weight.
struct Unscaled<'t>(Var<'t>);

impl<'t> Scaling<'t, f32> for Unscaled<'t> {
    fn parts(self) -> [Option<Var<'t>>; 2] {
        [None, Some(self.0)]
    }
}

#[test]
fn a_normalisation_with_a_bias_needs_a_weight() {
    let (x, bias): (Tensor, Tensor) = (Tensor::from_fn([4, 3], |i| i as f64), Tensor::full([3], 5.0));
    let tape = Tape::new();
    let [x, bias] = [&x, &bias].map(|x| tape.input(x));
    let words = &["Scaling", "a bias without a weight"];
    panics(words, || x.layer_norm(1, Unscaled(bias), 1e-5));
    panics(words, || x.group_norm(3, Unscaled(bias), 1e-5));
    panics(words, || x.batch_norm(Unscaled(bias), None, 1e-5));
}

/// A weight whose maps return a fixed shape.
#[derive(Clone, Copy)]
struct Stubborn<'t>(Var<'t>);

impl<'t> Operand<'t, f32> for Stubborn<'t> {
    fn var(self) -> Var<'t> {
        self.0
    }
}

impl<'t> Linear<'t, f32> for Stubborn<'t> {
    fn affine(self, _: Var<'t>, _: Option<impl Operand<'t, f32>>, _: Activation) -> Var<'t> {
        self.0
    }
}

#[test]
fn recurrent_weights_must_return_the_shape_of_their_gates() {
    let tensors: [Tensor; 3] = [Tensor::full([2, 5, 3], 0.1), Tensor::full([2, 4], 0.2), Tensor::full([2, 4], 0.3)];
    for (shape, from_inputs) in [
        (&[2, 16][..], true),
        (&[1, 5, 16], true),
        (&[2, 1, 16], true),
        (&[16], true),
        (&[1, 16], false),
        (&[16], false),
    ] {
        let tape = Tape::new();
        let [x, output, cell] = tensors.each_ref().map(|x| tape.param(x));
        let of = |shape: &[usize]| Stubborn(tape.constant(shape, |_| 0.1));
        let (weight_ih, weight_hh) = if from_inputs { (of(shape), of(&[2, 16])) } else { (of(&[2, 5, 16]), of(shape)) };
        let weights = Recurrent { weight_ih, weight_hh, biases: [None, None], projection: None, reverse: false };
        let found = format!("{shape:?}");
        panics(&["lstm: ", &found], || x.lstm(weights, [output, cell]));
        let gates = |of: &[usize], gates: usize| -> Vec<usize> {
            let (last, axes) = of.split_last().unwrap();
            axes.iter().copied().chain([last / 4 * gates]).collect()
        };
        let with = |count: usize| Recurrent {
            weight_ih: Stubborn(tape.constant(gates(weight_ih.0.shape(), count), |_| 0.1)),
            weight_hh: Stubborn(tape.constant(gates(weight_hh.0.shape(), count), |_| 0.1)),
            ..weights
        };
        panics(&["gru: ", &format!("{:?}", gates(shape, 3))], || x.gru(with(3), output));
        panics(&["rnn: ", &format!("{:?}", gates(shape, 1))], || x.rnn(with(1), output));
    }
}
