//! Gradient checks of matrix products and affine maps.

use elbo_engine::{Activation, Tensor};

use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] =
    &[("matmul", matmul), ("affine", affine), ("affine_activated", affine_activated), ("linear", linear)];

/// Operands with batch axes, vectors, and empty ones.
const PAIRS: [(&[usize], &[usize]); 14] = [
    (&[2, 3], &[3, 4]),
    (&[3], &[3]),
    (&[3], &[3, 2]),
    (&[2, 3], &[3]),
    (&[5, 2, 3], &[3, 4]),
    (&[5, 2, 3], &[3]),
    (&[3], &[5, 3, 2]),
    (&[5, 2, 3], &[5, 3, 4]),
    (&[2, 3], &[4, 3, 2]),
    (&[2, 1, 2, 3], &[4, 3, 2]),
    (&[1, 2, 3], &[4, 3, 1]),
    (&[2, 0], &[0, 3]),
    (&[0, 2], &[2, 3]),
    (&[0, 2, 3], &[3, 2]),
];

fn matmul(random: &mut Random) {
    let (a, b) = PAIRS[random.below(PAIRS.len())];
    product(random, a, b);
    let batch = random.shape();
    let [m, k, n] = [(); 3].map(|()| random.below(5));
    let a = [&random.narrower(&batch), &[m, k][..]].concat();
    let b = [&random.narrower(&batch), &[k, n][..]].concat();
    product(random, &a, &b);
}

fn product(random: &mut Random, a: &[usize], b: &[usize]) {
    let mut model = [random.tensor(a), random.tensor(b)];
    agree(&mut model, |tape, [a, b]| tape.param(a).matmul(tape.param(b)));
    // Only one operand's adjoint is wanted.
    let constant = model[0].clone();
    agree(&mut model[1], |tape, b| tape.constant(constant.shape(), |i| constant.data()[i]).matmul(tape.param(b)));
}

/// x, weight and bias of an affine map whose outputs are all more than 0.1 away from zero.
fn operands(random: &mut Random) -> [Tensor<f64>; 3] {
    let (inputs, outputs, rank) = (random.below(5), random.below(5), random.below(4));
    let x: Vec<usize> = (0..rank).map(|_| random.below(3)).chain([inputs]).collect();
    loop {
        let operands = [random.tensor(&x), random.tensor(&[outputs, inputs]), random.tensor(&[outputs])];
        if sums(&operands).all(|sum| sum.abs() > 0.1) {
            return operands;
        }
    }
}

/// The definition: Σ x·w + b for every row and output.
fn sums([x, w, b]: &[Tensor<f64>; 3]) -> impl Iterator<Item = f64> {
    let inputs = w.shape()[1];
    let rows = x.shape()[..x.shape().len() - 1].iter().product();
    (0..rows).flat_map(move |row| {
        (0..b.len()).map(move |j| {
            let x = &x.data()[row * inputs..][..inputs];
            b.data()[j] + x.iter().zip(&w.data()[j * inputs..]).map(|(x, w)| x * w).sum::<f64>()
        })
    })
}

fn affine(random: &mut Random) {
    let mut model = operands(random);
    agree(&mut model, |tape, [x, w, b]| tape.param(x).affine(tape.param(w), tape.param(b)));
    let [x, w, b] = &model;
    let tape = elbo_engine::Tape::new();
    let values = tape.input(x).affine(tape.input(w), tape.input(b)).value();
    assert_eq!(values.len(), sums(&model).count());
    assert!(values.iter().zip(sums(&model)).all(|(value, sum)| (value - sum).abs() < 1e-12));
}

fn affine_activated(random: &mut Random) {
    let mut model = operands(random);
    for activation in [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Sigmoid] {
        agree(&mut model, |tape, [x, w, b]| tape.param(x).affine_activated(tape.param(w), tape.param(b), activation));
    }
}

fn linear(random: &mut Random) {
    let [x, w, _] = operands(random);
    agree(&mut [x, w], |tape, [x, w]| tape.param(x).linear(tape.param(w)));
}
