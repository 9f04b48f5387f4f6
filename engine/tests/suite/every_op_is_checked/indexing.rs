//! Gradient checks of operations by index, and values against the definition, element by element.

use elbo_engine::{Indices, Tape, Tensor};

use super::moving::{axis, element, is, moved, some_axes};
use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[
    ("index_select", index_select),
    ("index_add", index_add),
    ("gather", gather),
    ("scatter_add", scatter_add),
    ("embedding", embedding),
    ("embedding_padded", embedding_padded),
    ("embedding_read_from", embedding_read_from),
];

/// Positions along an axis, with repetitions; none if it is empty.
fn positions(random: &mut Random, count: usize, length: usize) -> Vec<usize> {
    if length == 0 { Vec::new() } else { (0..count).map(|_| random.below(length)).collect() }
}

fn index_select(random: &mut Random) {
    let shape = some_axes(random);
    let (axis, named) = axis(random, shape.len());
    let count = random.below(6);
    let index = positions(random, count, shape[axis]);
    let mut x = random.tensor(&shape);
    agree(&mut x, |tape, x| tape.param(x).index_select(named, tape.alloc_slice(index.len(), |i| index[i])));
    agree(&mut x, |tape, x| {
        let x = tape.param(x);
        x.index_select(named, tape.alloc_slice(index.len(), |i| index[i])).sum() + x.square().sum()
    });
    let mut expected = shape;
    expected[axis] = index.len();
    let tape = Tape::new();
    is(tape.input(&x).index_select(named, &index), &expected, |i| element(&x, &moved(i, axis, index[i[axis]])));
}

fn index_add(random: &mut Random) {
    let shape = some_axes(random);
    let (axis, named) = axis(random, shape.len());
    let count = random.below(6);
    let index = positions(random, count, shape[axis]);
    let mut source = shape.clone();
    source[axis] = index.len();
    let mut model = [random.tensor(&shape), random.tensor(&source)];
    agree(&mut model, |tape, [x, source]| {
        tape.param(x).index_add(named, tape.alloc_slice(index.len(), |i| index[i]), tape.param(source))
    });
    let tape = Tape::new();
    let [x, source] = &model;
    let value = tape.input(x).index_add(named, &index, tape.input(source));
    is(value, &shape, |i| {
        let here = (0..index.len()).filter(|&k| index[k] == i[axis]);
        here.fold(element(x, i), |sum, k| sum + element(source, &moved(i, axis, k)))
    });
}

/// A value's shape, an axis of it, an index's shape and the index: positions along that axis.
fn places(random: &mut Random) -> (Vec<usize>, usize, isize, Vec<usize>, Vec<usize>) {
    let shape = some_axes(random);
    let (axis, named) = axis(random, shape.len());
    let mut index_shape = shape.clone();
    index_shape[axis] = if shape[axis] == 0 { 0 } else { random.below(5) };
    let index = positions(random, index_shape.iter().product(), shape[axis]);
    (shape, axis, named, index_shape, index)
}

fn gather(random: &mut Random) {
    let (shape, axis, named, index_shape, index) = places(random);
    let mut x = random.tensor(&shape);
    agree(&mut x, |tape, x| {
        let index = Indices::new(&index_shape[..], tape.alloc_slice(index.len(), |i| index[i]));
        tape.param(x).gather(named, index)
    });
    let (tape, all) = (Tape::new(), elbo_engine::Tensor::from_fn(&index_shape[..], |i| index[i] as f64));
    is(tape.input(&x).gather(named, Indices::new(&index_shape[..], &index)), &index_shape, |i| {
        element(&x, &moved(i, axis, element(&all, i) as usize))
    });
}

fn scatter_add(random: &mut Random) {
    let (shape, axis, named, index_shape, index) = places(random);
    let mut model = [random.tensor(&shape), random.tensor(&index_shape)];
    agree(&mut model, |tape, [x, source]| {
        let index = Indices::new(&index_shape[..], tape.alloc_slice(index.len(), |i| index[i]));
        tape.param(x).scatter_add(named, index, tape.param(source))
    });
    let (tape, all) = (Tape::new(), elbo_engine::Tensor::from_fn(&index_shape[..], |i| index[i] as f64));
    let [x, source] = &model;
    let value = tape.input(x).scatter_add(named, Indices::new(&index_shape[..], &index), tape.input(source));
    is(value, &shape, |i| {
        let candidates = (0..index_shape[axis]).map(|k| moved(i, axis, k));
        let here = candidates.filter(|k| element(&all, k) as usize == i[axis]);
        here.fold(element(x, i), |sum, k| sum + element(source, &k))
    });
}

fn embedding(random: &mut Random) {
    let table = some_axes(random);
    let shape: Vec<usize> =
        if table[0] == 0 { vec![0] } else { (0..random.below(3)).map(|_| random.below(4)).collect() };
    let index = positions(random, shape.iter().product(), table[0]);
    let mut x = random.tensor(&table);
    agree(&mut x, |tape, x| {
        tape.param(x).embedding(Indices::new(&shape[..], tape.alloc_slice(index.len(), |i| index[i])))
    });
    let expected = [&shape[..], &table[1..]].concat();
    let tape = Tape::new();
    is(tape.input(&x).embedding(Indices::new(&shape[..], &index)), &expected, |i| {
        let at = i[..shape.len()].iter().zip(&shape).fold(0, |at, (i, length)| at * length + i);
        element(&x, &[&[index[at]], &i[shape.len()..]].concat())
    });
}

fn embedding_read_from(random: &mut Random) {
    let (rows, features, count) = (1 + random.below(4), random.below(4), random.below(8));
    let index = positions(random, count, rows);
    let source = Tensor::from_fn([count], |i| index[i] as f64);
    let mut x = random.tensor(&[rows, features]);
    agree(&mut x, |tape, x| {
        // The indices are of the values of the source, which gets no gradient.
        let source = tape.constant([count], |i| source.data()[i]);
        tape.param(x).embedding_read_from(tape.alloc_slice(count, |i| index[i]), source)
    });
    let tape = Tape::new();
    let value = tape.input(&x).embedding_read_from(&index, tape.input(&source));
    is(value, &[count, features], |i| element(&x, &[index[i[0]], i[1]]));
    assert_eq!(value.trace().operations[0].inputs.len(), 2);
}

fn embedding_padded(random: &mut Random) {
    let (rows, features) = (1 + random.below(4), random.below(4));
    let padding = random.below(rows);
    let count = random.below(8);
    let index = positions(random, count, rows);
    let x = random.tensor(&[rows, features]);
    let mut gradients = elbo_engine::Gradients::of(&x);
    let tape = Tape::new();
    let value = tape.param(&x).embedding_padded(&index, padding);
    is(value, &[index.len(), features], |i| element(&x, &[index[i[0]], i[1]]));
    (value * 3.0).sum().backward(&mut gradients);
    // Not by finite differences: the gradient of the padding row is omitted on purpose.
    if !x.is_empty() {
        for (i, &g) in gradients.get("").unwrap().iter().enumerate() {
            let row = i / features;
            let uses = index.iter().filter(|&&index| index == row && row != padding).count();
            assert_eq!(g, 3.0 * uses as f64);
        }
    }
}
