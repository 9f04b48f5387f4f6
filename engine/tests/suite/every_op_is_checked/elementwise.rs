//! Gradient checks of basic elementwise functions of one and two variables.

use elbo_engine::{Activation, Var};

use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[
    ("add", |random| binary(random, |a, b| a + b)),
    ("sub", |random| binary(random, |a, b| a - b)),
    ("mul", |random| binary(random, |a, b| a * b)),
    ("div", |random| binary(random, |a, b| a / b)),
    ("square", |random| unary(random, |x| x.square())),
    ("exp", |random| unary(random, |x| x.exp())),
    ("recip", |random| unary(random, |x| x.recip())),
    ("relu", |random| unary(random, |x| x.relu())),
    ("tanh", |random| unary(random, |x| x.tanh())),
    ("sigmoid", |random| unary(random, |x| x.sigmoid())),
    ("softplus", |random| unary(random, |x| x.softplus())),
    ("sqrt", |random| unary_of_positive(random, |x| x.sqrt())),
    ("ln", |random| unary_of_positive(random, |x| x.ln())),
    ("activate", |random| {
        for activation in [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Sigmoid] {
            unary(random, |x| x.activate(activation));
        }
    }),
    ("scale_shift", |random| {
        let (scale, shift) = (random.signed(), random.signed());
        unary(random, |x| x.scale_shift(scale, shift));
        unary(random, |x| (x + scale) * shift - 3.0);
        unary(random, |x| -x / scale);
        unary(random, |x| scale - shift * x + 1.0 / (2.0 + x * x));
    }),
];

/// Checks at numbers of both signs, away from zero; enough elements for whole vectors and a remainder.
pub(crate) fn unary(random: &mut Random, f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>) {
    let shape = random.shape();
    agree(&mut random.tensor(&shape), |tape, x| f(tape.param(x)));
    agree(&mut random.tensor(&[37]), |tape, x| f(tape.param(x)));
}

pub(crate) fn unary_of_positive(random: &mut Random, f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>) {
    let shape = random.shape();
    agree(&mut random.positive(&shape), |tape, x| f(tape.param(x)));
    agree(&mut random.positive(&[37]), |tape, x| f(tape.param(x)));
}

/// Scalar, row, column, leading axis, both broadcast, empty.
pub(crate) const PAIRS: [(&[usize], &[usize]); 12] = [
    (&[2, 3], &[2, 3]),
    (&[], &[]),
    (&[2, 3], &[]),
    (&[2, 3], &[1]),
    (&[4, 3], &[3]),
    (&[2, 3], &[2, 1]),
    (&[2, 1], &[1, 3]),
    (&[2, 3, 4], &[3, 1]),
    (&[2, 3, 4], &[2, 1, 1]),
    (&[0, 3], &[1, 3]),
    (&[0, 3], &[3]),
    (&[2, 0], &[2, 1]),
];

pub(crate) fn binary(random: &mut Random, f: impl for<'t> Fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>) {
    let shape = random.shape();
    let pair = (random.narrower(&shape), random.narrower(&shape));
    let given = PAIRS[random.below(PAIRS.len())];
    for (a, b) in [(&pair.0[..], &pair.1[..]), (&shape, &pair.1), given] {
        let mut model = [random.tensor(a), random.tensor(b)];
        agree(&mut model, |tape, [a, b]| f(tape.param(a), tape.param(b)));
        agree(&mut model, |tape, [a, b]| f(tape.param(b), tape.param(a)));
    }
}
