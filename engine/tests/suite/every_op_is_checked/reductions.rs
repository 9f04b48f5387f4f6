//! Gradient checks of sums, means, log-softmax and cross-entropy.

use elbo_engine::Var;

use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[
    ("sum", |random| of_all(random, |x| x.sum())),
    ("mean", |random| of_all(random, |x| x.mean())),
    ("sum_axes", |random| over_axes(random, |x, axes, keep| x.sum_axes(axes, keep))),
    ("mean_axes", |random| over_axes(random, |x, axes, keep| x.mean_axes(axes, keep))),
    ("log_softmax", log_softmax),
    ("cross_entropy", cross_entropy),
];

fn of_all(random: &mut Random, f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>) {
    let shape = random.shape();
    agree(&mut random.tensor(&shape), |tape, x| f(tape.param(x).square()));
}

fn over_axes(random: &mut Random, f: impl for<'t> Fn(Var<'t, f64>, &[isize], bool) -> Var<'t, f64>) {
    let shape = random.shape();
    let rank = shape.len() as isize;
    let axes: Vec<isize> = (0..rank).filter(|_| random.below(2) == 0).collect();
    // Some axes counted from the last.
    let axes: Vec<isize> = axes.iter().map(|axis| if random.below(2) == 0 { axis - rank } else { *axis }).collect();
    for keep in [true, false] {
        agree(&mut random.tensor(&shape), |tape, x| f(tape.param(x), &axes, keep).square());
    }
}

fn log_softmax(random: &mut Random) {
    let mut shape = random.shape();
    shape.push(1 + random.below(40));
    let length = shape.len();
    shape.swap(0, random.below(length));
    for axis in 0..shape.len() as isize {
        agree(&mut random.tensor(&shape), |tape, x| tape.param(x).log_softmax(axis));
        agree(&mut random.tensor(&shape), |tape, x| tape.param(x).log_softmax(axis - x.shape().len() as isize));
    }
}

fn cross_entropy(random: &mut Random) {
    let (rows, classes) = (1 + random.below(5), 1 + random.below(40));
    let labels: Vec<usize> = (0..rows).map(|_| random.below(classes)).collect();
    agree(&mut random.tensor(&[rows, classes]), |tape, x| {
        let labels = tape.alloc_slice(labels.len(), |i| labels[i]);
        tape.param(x).cross_entropy(labels)
    });
}
