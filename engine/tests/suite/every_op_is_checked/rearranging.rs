//! Gradient checks of reshape, permute and transpose.

use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[("reshape", reshape), ("permute", permute), ("transpose", transpose)];

fn reshape(random: &mut Random) {
    let shape = random.shape();
    let elements: usize = shape.iter().product();
    agree(&mut random.tensor(&shape), |tape, x| tape.param(x).reshape([elements]).square());
    agree(&mut random.tensor(&shape), |tape, x| tape.param(x).square().reshape([1, elements, 1]));
}

fn permute(random: &mut Random) {
    let shape = random.shape();
    let mut axes: Vec<isize> = (0..shape.len() as isize).collect();
    for i in (1..axes.len()).rev() {
        axes.swap(i, random.below(i + 1));
    }
    agree(&mut random.tensor(&shape), |tape, x| tape.param(x).permute(&axes));
    let x = random.tensor(&shape);
    let tape = elbo_engine::Tape::new();
    let permuted = tape.input(&x).permute(&axes);
    let expected: Vec<usize> = axes.iter().map(|&axis| shape[axis as usize]).collect();
    assert_eq!(permuted.shape(), expected);
    for (i, &value) in permuted.value().iter().enumerate() {
        assert_eq!(value, x.data()[source(&shape, &axes, &expected, i)]);
    }
}

/// The definition: the index in the original of element `i` of the permuted array.
fn source(shape: &[usize], axes: &[isize], permuted: &[usize], mut i: usize) -> usize {
    let mut index = vec![0; shape.len()];
    for place in (0..axes.len()).rev() {
        index[axes[place] as usize] = i % permuted[place];
        i /= permuted[place];
    }
    index.iter().zip(shape).fold(0, |at, (index, length)| at * length + index)
}

fn transpose(random: &mut Random) {
    let mut shape = random.shape();
    shape.extend([1 + random.below(20), 1 + random.below(20)]);
    agree(&mut random.tensor(&shape), |tape, x| tape.param(x).transpose());
}
