//! Gradient checks of normalisation, and values against the definition.

use elbo_engine::{Gradients, Real, Running, Tape, Tensor, Var};

use super::{Check, agree};
use crate::common::Random;
use crate::common::assert_near;

pub(crate) const CHECKS: &[Check] = &[
    ("layer_norm", |random| over_last(random, true)),
    ("rms_norm", |random| over_last(random, false)),
    ("group_norm", group_norm),
    ("instance_norm", instance_norm),
    ("batch_norm", batch_norm),
    ("batch_norm_with", batch_norm_with),
];

const EPS: f64 = 1e-2;

fn over_last(random: &mut Random, centred: bool) {
    let mut shape = random.shape();
    shape.push(2 + random.below(40));
    let axes = 1 + random.below(shape.len());
    let inner = &shape[shape.len() - axes..];
    let mut model = [random.tensor(&shape), random.tensor(inner), random.tensor(inner)];
    let over: Vec<isize> = (1..=axes as isize).map(|axis| -axis).collect();
    is_composition(&model[0], |x| plain(x, axes, centred), |x| composed(x, &over, centred));
    agree(&mut model, |tape, [x, w, b]| {
        let scaling = (tape.param(w), tape.param(b));
        let x = tape.param(x);
        if centred { x.layer_norm(axes, scaling, EPS) } else { x.rms_norm(axes, scaling, EPS) }
    });
    agree(&mut model, |tape, [x, w, _]| {
        let x = tape.param(x);
        let y =
            if centred { x.layer_norm(axes, (tape.param(w),), EPS) } else { x.rms_norm(axes, (tape.param(w),), EPS) };
        y.square() + plain(x, axes, centred)
    });
}

fn plain(x: Var<'_, f64>, axes: usize, centred: bool) -> Var<'_, f64> {
    if centred { x.layer_norm(axes, (), EPS) } else { x.rms_norm(axes, (), EPS) }
}

/// (x − mean) / √(mean square + eps), composed of other operations.
fn composed<'t>(x: Var<'t, f64>, over: &[isize], centred: bool) -> Var<'t, f64> {
    let x = if centred { x - x.mean_axes(over, true) } else { x };
    x / (x.square().mean_axes(over, true) + EPS).sqrt()
}

fn is_composition(
    x: &Tensor<f64>,
    ours: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>,
    composition: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>,
) {
    let tape = Tape::new();
    let (ours, composition) = (ours(tape.input(x)), composition(tape.input(x)));
    assert_eq!(ours.shape(), composition.shape());
    assert_near(ours.value(), composition.value(), 1e-13);
}

/// (batch, channels, ..) with `groups` groups of channels.
fn image(random: &mut Random, groups: usize) -> Vec<usize> {
    let mut shape = vec![random.below(4), groups * (1 + random.below(3))];
    shape.extend((0..random.below(4)).map(|_| 1 + random.below(4)));
    shape
}

fn group_norm(random: &mut Random) {
    let groups = 1 + random.below(3);
    let shape = image(random, groups);
    let channels = [shape[1]];
    let mut model = [random.tensor(&shape), random.tensor(&channels), random.tensor(&channels)];
    let apart = [&[shape[0], groups, shape[1] / groups], &shape[2..]].concat();
    is_composition(
        &model[0],
        |x| x.group_norm(groups, (), EPS),
        |x| {
            let over: Vec<isize> = (2..apart.len() as isize).collect();
            composed(x.reshape(&apart), &over, true).reshape(x.shape())
        },
    );
    agree(&mut model, |tape, [x, w, b]| tape.param(x).group_norm(groups, (tape.param(w), tape.param(b)), EPS).square());
    agree(&mut model, |tape, [x, w, _]| {
        let x = tape.param(x);
        x.group_norm(groups, (tape.param(w),), EPS) * x.group_norm(groups, (), EPS)
    });
}

fn instance_norm(random: &mut Random) {
    let mut shape = image(random, 1);
    shape.push(2 + random.below(20));
    let channels = [shape[1]];
    let mut model = [random.tensor(&shape), random.tensor(&channels), random.tensor(&channels)];
    let over: Vec<isize> = (2..shape.len() as isize).collect();
    is_composition(&model[0], |x| x.instance_norm((), EPS), |x| composed(x, &over, true));
    agree(&mut model, |tape, [x, w, b]| tape.param(x).instance_norm((tape.param(w), tape.param(b)), EPS).square());
}

fn batch_norm(random: &mut Random) {
    let channels = 1 + random.below(3);
    let mut shape = image(random, channels);
    shape[0] += 2;
    batch_norm_of(random, &shape);
    // Enough contiguous channels for whole vectors and a remainder.
    batch_norm_of(random, &[3, 40]);
}

fn batch_norm_of(random: &mut Random, shape: &[usize]) {
    let channels = [shape[1]];
    let mut model = [random.tensor(shape), random.tensor(&channels), random.tensor(&channels)];
    let over: Vec<isize> = [0].into_iter().chain(2..shape.len() as isize).collect();
    is_composition(&model[0], |x| x.batch_norm((), None, EPS), |x| composed(x, &over, true));
    agree(&mut model, |tape, [x, w, b]| tape.param(x).batch_norm((tape.param(w), tape.param(b)), None, EPS).square());
    agree(&mut model, |tape, [x, w, _]| {
        let x = tape.param(x);
        x.batch_norm((tape.param(w),), None, EPS) * x.batch_norm((), None, EPS).tanh()
    });
}

fn batch_norm_with(random: &mut Random) {
    let channels = 1 + random.below(3);
    for shape in [image(random, channels), vec![2, 40]] {
        let channels = [shape[1]];
        let mut model = [random.tensor(&shape), random.tensor(&channels), random.tensor(&channels)];
        let (mean, variance) = (random.tensor(&channels), random.positive(&channels));
        agree(&mut model, |tape, [x, w, b]| {
            let [mean, variance] = [&mean, &variance].map(|of| tape.constant(of.shape(), |i| of.data()[i]));
            let x = tape.param(x).square();
            x.batch_norm_with((tape.param(w), tape.param(b)), mean, variance, EPS)
        });
        let each = [&[1, channels[0]][..], &vec![1; shape.len() - 2]].concat();
        let tape = Tape::new();
        let [x, mean, variance] = [&model[0], &mean, &variance].map(|tensor| tape.input(tensor));
        let ours = x.batch_norm_with((), mean, variance, EPS);
        let expected = (x - mean.reshape(&each)) / (variance.reshape(&each) + EPS).sqrt();
        assert_eq!(ours.shape(), expected.shape());
        assert_near(ours.value(), expected.value(), 1e-13);
    }
}

#[test]
fn running_statistics_follow_the_batches() {
    let x = Random::new(1).tensor(&[5, 3, 4]);
    let buffers = [Tensor::new([3], [0.5, -1.0, 2.0]), Tensor::new([3], [1.0, 4.0, 0.25])];
    let mut updates = Gradients::of(&buffers);
    let tape = Tape::new();
    let running = Running { mean: &buffers[0], variance: &buffers[1], momentum: 0.3 };
    tape.input(&x).batch_norm((), Some(running), EPS).sum().backward(&mut updates);
    for c in 0..3 {
        let channel: Vec<f64> = (0..20).map(|i| x.data()[(i / 4 * 3 + c) * 4 + i % 4]).collect();
        let mean = channel.iter().sum::<f64>() / 20.0;
        let variance = channel.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 19.0;
        for (name, old, new) in [("0", buffers[0].data()[c], mean), ("1", buffers[1].data()[c], variance)] {
            assert!((updates.get(name).unwrap()[c] - (0.7 * old + 0.3 * new)).abs() < 1e-14);
        }
    }
}

/// Numbers around `mean`, exact in single precision, and normalised in double precision.
fn far_from_zero(mean: f64, len: usize) -> (Tensor<f32>, Vec<f64>) {
    let x: Tensor<f32> = Tensor::from_fn([1, len], |i| mean + (i as f64 * 0.37).sin());
    let numbers: Vec<f64> = x.data().iter().map(|&x| f64::from(x)).collect();
    let mean = numbers.iter().sum::<f64>() / len as f64;
    let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / len as f64;
    let normalized = numbers.iter().map(|x| (x - mean) / variance.sqrt()).collect();
    (x, normalized)
}

#[test]
fn numbers_far_from_zero_are_normalised_accurately() {
    for mean in [0.0, 1e4, -1e6] {
        let (x, expected) = far_from_zero(mean, 300);
        let tape = Tape::new();
        let columns = x.clone().reshaped([300, 1]);
        let image = x.clone().reshaped([3, 1, 100]);
        let [x, columns, image] = [&x, &columns, &image].map(|tensor| tape.input(tensor));
        for y in [x.layer_norm(1, (), 0.0), columns.batch_norm((), None, 0.0), image.batch_norm((), None, 0.0)] {
            assert_eq!(y.len(), expected.len());
            for (y, expected) in y.value().iter().zip(&expected) {
                assert!((y.to_f64() - expected).abs() < 1e-6, "{y} and {expected} around {mean}");
            }
        }
    }
}
