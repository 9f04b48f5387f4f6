//! Gradient checks of convolutions and transposed convolutions.

use elbo_engine::{Convolution, Var};

use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[
    ("convolve", |random| {
        convolve::<1>(random);
        convolve::<2>(random);
        convolve::<3>(random);
    }),
    ("convolve_transposed", |random| {
        convolve_transposed::<1>(random);
        convolve_transposed::<2>(random);
        convolve_transposed::<3>(random);
    }),
];

/// Random settings, and the lengths of input and kernel.
fn settings<const D: usize>(random: &mut Random, groups: usize) -> (Convolution<D>, [usize; D], [usize; D]) {
    let stride: [usize; D] = std::array::from_fn(|_| 1 + random.below(3));
    let dilation: [usize; D] = std::array::from_fn(|_| 1 + random.below(2));
    let padding: [usize; D] = std::array::from_fn(|_| random.below(3));
    let kernel: [usize; D] = std::array::from_fn(|_| 1 + random.below(3));
    // Just long enough for the kernel, or somewhat longer.
    let input = std::array::from_fn(|axis| {
        let span = dilation[axis] * (kernel[axis] - 1) + 1;
        span.saturating_sub(2 * padding[axis]) + random.below(4)
    });
    (Convolution::new().stride(stride).padding(padding).dilation(dilation).groups(groups), input, kernel)
}

/// Batch, groups, channels and outputs: occasionally 0.
fn counts(random: &mut Random) -> [usize; 4] {
    [random.below(3), 1 + random.below(3), random.below(3), random.below(3)]
}

fn convolve<const D: usize>(random: &mut Random) {
    let [batch, groups, channels, outputs] = counts(random);
    let (settings, input, kernel) = settings::<D>(random, groups);
    let x = random.tensor(&[&[batch, groups * channels], &input[..]].concat());
    let w = random.tensor(&[&[groups * outputs, channels], &kernel[..]].concat());
    let b = random.tensor(&[groups * outputs]);
    agree(&mut [x, w, b], |tape, [x, w, b]| tape.param(x).convolve(tape.param(w), Some(tape.param(b)), settings));
}

fn convolve_transposed<const D: usize>(random: &mut Random) {
    let [batch, groups, channels, outputs] = counts(random);
    let (settings, mut input, kernel) = settings::<D>(random, groups);
    // Long enough that some elements remain after the padding is removed.
    input.iter_mut().for_each(|length| *length = (*length).max(1) + 4);
    let x = random.tensor(&[&[batch, groups * channels], &input[..]].concat());
    let w = random.tensor(&[&[groups * channels, outputs], &kernel[..]].concat());
    let b = random.tensor(&[groups * outputs]);
    agree(&mut [x.clone(), w.clone(), b], |tape, [x, w, b]| {
        tape.param(x).convolve_transposed(tape.param(w), Some(tape.param(b)), settings)
    });
    // Only one operand's adjoint is wanted, and there is no bias.
    agree(&mut [w], |tape, [w]| {
        let x = tape.constant(x.shape(), |i| x.data()[i]);
        x.convolve_transposed(tape.param(w), None::<Var<f64>>, settings)
    });
}
