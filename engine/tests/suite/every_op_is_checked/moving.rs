//! Gradient checks of slicing, joining, repeating and flipping, and values against the definition, element by element.

use elbo_engine::{Padding, Tape, Tensor, Var};

use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[
    ("slice", slice),
    ("at", at),
    ("concat", concat),
    ("stack", stack),
    ("split", split),
    ("pad", pad),
    ("flip", flip),
    ("roll", roll),
    ("broadcast_to", broadcast_to),
    ("repeat", repeat),
    ("tril", |random| triangle(random, |x, diagonal| x.tril(diagonal), |above| above <= 0)),
    ("triu", |random| triangle(random, |x, diagonal| x.triu(diagonal), |above| above >= 0)),
    ("diagonal", diagonal),
];

/// A shape with at least one axis.
pub(crate) fn some_axes(random: &mut Random) -> Vec<usize> {
    loop {
        let shape = random.shape();
        if !shape.is_empty() {
            return shape;
        }
    }
}

/// One of the axes, as a non-negative number, and the same axis as a user may write it.
pub(crate) fn axis(random: &mut Random, rank: usize) -> (usize, isize) {
    let axis = random.below(rank);
    (axis, if random.below(2) == 0 { axis as isize } else { axis as isize - rank as isize })
}

/// The element of a tensor at an index along each axis.
pub(crate) fn element(x: &Tensor<f64>, index: &[usize]) -> f64 {
    assert_eq!(index.len(), x.shape().len());
    let at = index.iter().zip(x.shape()).fold(0, |at, (&index, &length)| {
        assert!(index < length, "{index:?} is outside of {:?}", x.shape());
        at * length + index
    });
    x.data()[at]
}

/// Asserts that a value has this shape, and that its element at each index is that of `expected`.
pub(crate) fn is(value: Var<'_, f64>, shape: &[usize], expected: impl Fn(&[usize]) -> f64) {
    assert_eq!(value.shape(), shape);
    for (i, &element) in value.value().iter().enumerate() {
        let (mut index, mut rest) = (vec![0; shape.len()], i);
        for axis in (0..shape.len()).rev() {
            (index[axis], rest) = (rest % shape[axis], rest / shape[axis]);
        }
        assert_eq!(element, expected(&index), "at {index:?} of {shape:?}");
    }
}

/// An index with another position along one axis.
pub(crate) fn moved(index: &[usize], axis: usize, position: usize) -> Vec<usize> {
    let mut index = index.to_vec();
    index[axis] = position;
    index
}

fn slice(random: &mut Random) {
    let mut shape = some_axes(random);
    let (axis, named) = axis(random, shape.len());
    shape[axis] = random.below(9);
    let length = shape[axis];
    let start = random.below(length + 1);
    let end = start + random.below(length - start + 1);
    let step = 1 + random.below(4);
    let mut x = random.tensor(&shape);
    agree(&mut x, |tape, x| tape.param(x).slice(named, start as isize..end as isize, step));
    agree(&mut x, |tape, x| {
        let x = tape.param(x);
        x.slice(named, start as isize.., step).square() * x.slice(named, start as isize.., step)
    });
    let tape = Tape::new();
    let mut expected = shape.clone();
    expected[axis] = (start..end).step_by(step).count();
    let value = tape.input(&x).slice(named, start as isize..end as isize, step);
    is(value, &expected, |i| element(&x, &moved(i, axis, start + i[axis] * step)));
    if end < length {
        let from_end =
            tape.input(&x).slice(named, start as isize.., 1).slice(named, ..end as isize - length as isize, 1);
        assert_eq!(from_end.value(), tape.input(&x).slice(named, start as isize..end as isize, 1).value());
    }
    if start < end {
        let inclusive = tape.input(&x).slice(named, start as isize..=end as isize - 1, step);
        assert_eq!(inclusive.value(), value.value());
    }
}

fn at(random: &mut Random) {
    let mut shape = some_axes(random);
    let (axis, named) = axis(random, shape.len());
    shape[axis] += 1;
    let position = random.below(shape[axis]);
    let written = if random.below(2) == 0 { position as isize } else { position as isize - shape[axis] as isize };
    let mut x = random.tensor(&shape);
    agree(&mut x, |tape, x| tape.param(x).at(named, written));
    let mut expected = shape.clone();
    expected.remove(axis);
    is(Tape::new().input(&x).at(named, written), &expected, |i| {
        let mut index = i.to_vec();
        index.insert(axis, position);
        element(&x, &index)
    });
}

fn concat(random: &mut Random) {
    let shape = some_axes(random);
    let (axis, named) = axis(random, shape.len());
    let mut parts: Vec<Tensor<f64>> = (0..1 + random.below(4))
        .map(|_| {
            let mut part = shape.clone();
            part[axis] = random.below(4);
            random.tensor(&part)
        })
        .collect();
    agree(&mut parts, |tape, parts| {
        let parts: Vec<_> = parts.iter().map(|part| tape.param(part)).collect();
        Var::concat(&parts, named)
    });
    // The same value at two positions.
    agree(&mut parts[0], |tape, part| {
        let part = tape.param(part);
        Var::concat(&[part, part.square(), part], named)
    });
    let tape = Tape::new();
    let inputs: Vec<_> = parts.iter().map(|part| tape.input(part)).collect();
    let mut expected = shape;
    expected[axis] = parts.iter().map(|part| part.shape()[axis]).sum();
    is(Var::concat(&inputs, named), &expected, |i| {
        let (mut part, mut position) = (0, i[axis]);
        while position >= parts[part].shape()[axis] {
            position -= parts[part].shape()[axis];
            part += 1;
        }
        element(&parts[part], &moved(i, axis, position))
    });
}

fn stack(random: &mut Random) {
    let shape = random.shape();
    let (axis, named) = axis(random, shape.len() + 1);
    let mut parts: Vec<Tensor<f64>> = (0..1 + random.below(4)).map(|_| random.tensor(&shape)).collect();
    agree(&mut parts, |tape, parts| {
        let parts: Vec<_> = parts.iter().map(|part| tape.param(part)).collect();
        Var::stack(&parts, named)
    });
    let tape = Tape::new();
    let inputs: Vec<_> = parts.iter().map(|part| tape.input(part)).collect();
    let mut expected = shape;
    expected.insert(axis, parts.len());
    is(Var::stack(&inputs, named), &expected, |i| {
        let mut index = i.to_vec();
        let part = index.remove(axis);
        element(&parts[part], &index)
    });
}

fn split(random: &mut Random) {
    let mut shape = some_axes(random);
    let (axis, named) = axis(random, shape.len());
    let sizes = [(); 3].map(|()| random.below(4));
    shape[axis] = sizes.iter().sum();
    let mut x = random.tensor(&shape);
    // All parts, each used differently; and only some, so that the adjoints of others are missing.
    agree(&mut x, |tape, x| {
        let [a, b, c] = tape.param(x).split(named, sizes);
        Var::concat(&[c.square(), a, b.tanh()], named)
    });
    agree(&mut x, |tape, x| {
        let x = tape.param(x);
        let [_, b, _] = x.split(named, sizes);
        b.square().sum() + x.tanh().sum()
    });
    agree(&mut x, |tape, x| tape.param(x).split(named, sizes)[2]);
    let tape = Tape::new();
    let mut start = 0;
    for (part, size) in tape.input(&x).split(named, sizes).into_iter().zip(sizes) {
        let mut expected = shape.clone();
        expected[axis] = size;
        is(part, &expected, |i| element(&x, &moved(i, axis, start + i[axis])));
        start += size;
    }
}

fn pad(random: &mut Random) {
    let shape = random.shape();
    let mut x = random.tensor(&shape);
    let tape = Tape::new();
    let margins: Vec<[usize; 2]> = shape.iter().map(|_| [random.below(3), random.below(3)]).collect();
    let padded = |margins: &[[usize; 2]]| -> Vec<usize> {
        shape.iter().zip(margins).map(|(length, [before, after])| before + length + after).collect()
    };
    agree(&mut x, |tape, x| tape.param(x).pad(&margins, Padding::Constant(0.7)));
    agree(&mut x, |tape, x| tape.param(x).pad(&margins, Padding::Constant(0.0)).square() * 3.0);
    is(tape.input(&x).pad(&margins, Padding::Constant(0.7)), &padded(&margins), |i| {
        let inside = (0..i.len()).all(|axis| (margins[axis][0]..margins[axis][0] + shape[axis]).contains(&i[axis]));
        let index: Vec<usize> = (0..i.len()).map(|axis| i[axis].wrapping_sub(margins[axis][0])).collect();
        if inside { element(&x, &index) } else { 0.7 }
    });

    // Margins that the axes can fill.
    let margins: Vec<[usize; 2]> =
        shape.iter().map(|&length| [random.below(length.max(1)), random.below(length.max(1))]).collect();
    for padding in [Padding::Reflect, Padding::Replicate, Padding::Circular] {
        agree(&mut x, |tape, x| tape.param(x).pad(&margins, padding));
        is(tape.input(&x).pad(&margins, padding), &padded(&margins), |i| {
            let index = (0..i.len()).map(|axis| {
                let (position, last) = (i[axis] as isize - margins[axis][0] as isize, shape[axis] as isize - 1);
                let clamped = position.clamp(0, last);
                let mirrored = 2 * clamped - position;
                let index = match padding {
                    Padding::Reflect => mirrored,
                    Padding::Replicate => clamped,
                    _ => position.rem_euclid(last + 1),
                };
                index as usize
            });
            element(&x, &index.collect::<Vec<_>>())
        });
    }
}

fn flip(random: &mut Random) {
    let shape = random.shape();
    let rank = shape.len() as isize;
    let axes: Vec<isize> = (0..rank).filter(|_| random.below(2) == 0).collect();
    let named: Vec<isize> = axes.iter().map(|axis| if random.below(2) == 0 { axis - rank } else { *axis }).collect();
    let mut x = random.tensor(&shape);
    agree(&mut x, |tape, x| tape.param(x).flip(&named));
    agree(&mut x, |tape, x| tape.param(x).flip(&named) * tape.param(x));
    is(Tape::new().input(&x).flip(&named), &shape, |i| {
        let turned = |axis: usize| if axes.contains(&(axis as isize)) { shape[axis] - 1 - i[axis] } else { i[axis] };
        element(&x, &(0..shape.len()).map(turned).collect::<Vec<_>>())
    });
}

fn roll(random: &mut Random) {
    let mut shape = some_axes(random);
    let (axis, named) = axis(random, shape.len());
    shape[axis] = random.below(7);
    let shift = random.below(20) as isize - 10;
    let mut x = random.tensor(&shape);
    agree(&mut x, |tape, x| tape.param(x).roll(named, shift));
    agree(&mut x, |tape, x| tape.param(x).roll(named, shift) * tape.param(x));
    is(Tape::new().input(&x).roll(named, shift), &shape, |i| {
        let from = (i[axis] as isize - shift).rem_euclid(shape[axis] as isize);
        element(&x, &moved(i, axis, from as usize))
    });
}

fn broadcast_to(random: &mut Random) {
    let shape = random.shape();
    let narrower = random.narrower(&shape);
    let mut x = random.tensor(&narrower);
    agree(&mut x, |tape, x| tape.param(x).broadcast_to(&shape));
    agree(&mut x, |tape, x| tape.param(x).broadcast_to(&shape).sum() + tape.param(x).square().sum());
    let missing = shape.len() - narrower.len();
    is(Tape::new().input(&x).broadcast_to(&shape), &shape, |i| {
        let index = i[missing..].iter().zip(&narrower).map(|(&i, &length)| if length == 1 { 0 } else { i });
        element(&x, &index.collect::<Vec<_>>())
    });
}

fn repeat(random: &mut Random) {
    let shape = random.shape();
    let new = random.below(3);
    let counts: Vec<usize> = (0..new + shape.len()).map(|_| random.below(4)).collect();
    let mut x = random.tensor(&shape);
    agree(&mut x, |tape, x| tape.param(x).repeat(&counts));
    let lengths = std::iter::repeat_n(&1, new).chain(&shape);
    let expected: Vec<usize> = lengths.zip(&counts).map(|(length, count)| length * count).collect();
    is(Tape::new().input(&x).repeat(&counts), &expected, |i| {
        element(&x, &i[new..].iter().zip(&shape).map(|(i, length)| i % length).collect::<Vec<_>>())
    });
}

/// `keeps` tells whether an element is kept, given how many diagonals it lies above the given one.
fn triangle(
    random: &mut Random,
    f: impl for<'t> Fn(Var<'t, f64>, isize) -> Var<'t, f64>,
    keeps: impl Fn(isize) -> bool,
) {
    let mut shape = random.shape();
    shape.truncate(3);
    shape.extend([random.below(6), random.below(6)]);
    let diagonal = random.below(13) as isize - 6;
    let mut x = random.tensor(&shape);
    agree(&mut x, |tape, x| f(tape.param(x), diagonal));
    agree(&mut x, |tape, x| f(tape.param(x), diagonal) * tape.param(x));
    let rank = shape.len();
    is(f(Tape::new().input(&x), diagonal), &shape, |i| {
        let above = i[rank - 1] as isize - i[rank - 2] as isize - diagonal;
        if keeps(above) { element(&x, i) } else { 0.0 }
    });
}

fn diagonal(random: &mut Random) {
    let mut shape = random.shape();
    let n = random.below(5);
    shape.truncate(3);
    shape.extend([n, n]);
    let mut x = random.tensor(&shape);
    agree(&mut x, |tape, x| tape.param(x).diagonal());
    agree(&mut x, |tape, x| tape.param(x).diagonal().sum() + tape.param(x).square().sum());
    is(Tape::new().input(&x).diagonal(), &shape[..shape.len() - 1], |i| element(&x, &[i, &i[i.len() - 1..]].concat()));
}
