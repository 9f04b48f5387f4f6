//! Normalisation and pooling layers against their definitions; running statistics; independence of examples.

use elbo::engine::Pooling;
use elbo::nn::{AvgPool1d, BatchNorm, Conv2d, GroupNorm, LayerNorm, MaxPool2d};
use elbo::prelude::*;
use elbo::{Independent, No, Yes};

fn numbers<const N: usize>(shape: [usize; N]) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| (i as f64 * 1.37).sin() * 2.0 + 0.3)
}

#[track_caller]
fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{found} is not {expected}");
    }
}

/// (x − mean)/√(variance + eps) of some numbers.
fn standardised(x: &[f64]) -> Vec<f64> {
    let (mean, variance) = moments(x.iter().copied());
    x.iter().map(|x| (x - mean) / (variance + 1e-5).sqrt()).collect()
}

fn moments(x: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = x.clone().count() as f64;
    let mean = x.clone().sum::<f64>() / count;
    (mean, x.map(|x| (x - mean).powi(2)).sum::<f64>() / count)
}

#[test]
fn group_and_layer_normalisation_agree_with_their_definitions_and_keep_examples_independent() {
    let x = numbers([3, 4, 5]);
    let (mut group, mut layer) = (GroupNorm::<f64>::new(2, 4), LayerNorm::<f64>::new([4, 5]));
    let tape = Tape::inference();
    let normal: Vec<f64> = x.data().chunks(10).flat_map(standardised).collect();
    close(group.draw(&tape, Key::new(1)).forward(tape.input(&x)).value(), &normal);
    let whole: Vec<f64> = x.data().chunks(20).flat_map(standardised).collect();
    close(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).value(), &whole);

    group.weight.0 = Tensor::from_fn([4], |i| i as f64 + 1.0);
    group.bias.0 = Tensor::from_fn([4], |i| -(i as f64));
    let scaled = normal.iter().enumerate().map(|(i, z)| z * ((i / 5 % 4) as f64 + 1.0) - (i / 5 % 4) as f64);
    close(group.draw(&tape, Key::new(1)).forward(tape.input(&x)).value(), &scaled.collect::<Vec<_>>());
    layer.bias.0 = numbers([4, 5]);
    let shifted: Vec<f64> = whole.iter().zip(layer.bias.0.data().iter().cycle()).map(|(z, b)| z + b).collect();
    close(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).value(), &shifted);

    fn is_independent<M: Bayesian<Batch: Independent>>(_: &M) {}
    is_independent(&group);
    is_independent(&layer);
}

#[bayesian]
struct Net {
    conv: Conv2d<MeanField<f64>>,
    norm: BatchNorm<f64>,
    pool: MaxPool2d<f64>,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        let x = self.pool.forward(self.norm.forward(self.conv.forward(x)).relu());
        x.mean_axes(&[2, 3], false)
    }
}

fn net() -> Net {
    let conv =
        Conv2d::of(1, 3, [2, 2], |shape| MeanField::with_sd(Tensor::zeros(shape.to_vec()), 0.1), Normal(0.0, 1.0));
    let mut net = Net { conv, norm: BatchNorm::new(3), pool: MaxPool2d::new([2, 2]) };
    net.initialise(Key::new(3));
    net
}

#[test]
fn training_uses_the_batch_statistics_and_inference_the_running_ones() {
    let mut net = net();
    let x = numbers([6, 1, 5, 5]);
    let (mut tape, mut gradients, mut sgd) = (Tape::new(), Gradients::of(&net), Sgd::new(0.05));
    let mut running = [(0.0, 1.0); 3];
    for step in 0..3 {
        tape.reset();
        let draw = net.draw(&tape, Key::new(1).step(step));
        // Each channel of the input of the normalisation, (6, 3, 4, 4).
        let before = draw.conv.forward(tape.input(&x));
        for (channel, (mean, variance)) in running.iter_mut().enumerate() {
            let elements = before.value().chunks(16).skip(channel).step_by(3).flatten().copied();
            let batch = moments(elements);
            *mean = 0.9 * *mean + 0.1 * batch.0;
            *variance = 0.9 * *variance + 0.1 * batch.1 * 96.0 / 95.0;
        }
        let normal = draw.norm.forward(before);
        let first = |x: Var<'_, f64>| x.value().chunks(16).step_by(3).flatten().copied().collect::<Vec<_>>();
        let [weight, bias] = [&net.norm.weight.0, &net.norm.bias.0].map(|part| part.data()[0]);
        let expected: Vec<f64> = standardised(&first(before)).iter().map(|z| z * weight + bias).collect();
        close(&first(normal), &expected);
        let nll = Categorical.nll(draw.forward(tape.input(&x)), &[0, 1, 2, 0, 1, 2]);
        Objective::new(6).loss_of(nll, &draw, step).backward(&mut gradients);
        sgd.step(&mut net, &mut gradients);
        for (channel, (mean, variance)) in running.iter_mut().enumerate() {
            close(&[net.norm.mean.0.data()[channel], net.norm.variance.0.data()[channel]], &[*mean, *variance]);
        }
    }
    // In prediction, an example's output does not depend on the others.
    let all = net.outputs(&x, Draws(2));
    let first = net.outputs(&Tensor::new([1, 1, 5, 5], &x.data()[..25]), Draws(2));
    assert_eq!(&all.tensor().data()[..3], first.tensor().data().split_at(3).0);
    let [mean, variance] = [&net.norm.mean.0, &net.norm.variance.0].map(|statistic| statistic.data()[0]);
    let (tape, one) = (Tape::inference(), Tensor::full([1, 3, 1, 1], 0.7));
    let found = net.norm.mean(&tape).forward(tape.input(&one)).value()[0];
    let [weight, bias] = [&net.norm.weight.0, &net.norm.bias.0].map(|part| part.data()[0]);
    close(&[found], &[(0.7 - mean) / (variance + 1e-5).sqrt() * weight + bias]);
}

#[test]
fn a_frozen_layer_trains_with_the_running_statistics_and_keeps_them() {
    let mut norm = BatchNorm::<f64>::new(2).frozen();
    norm.mean.0 = Tensor::new([2], [0.5, -1.0]);
    let (tape, mut gradients, x) = (Tape::new(), Gradients::of(&norm), numbers([4, 2]));
    let y = norm.draw(&tape, Key::new(1)).forward(tape.input(&x));
    close(&y.value()[..2], &[(x.data()[0] - 0.5) / 1.00001f64.sqrt(), (x.data()[1] + 1.0) / 1.00001f64.sqrt()]);
    y.square().sum().backward(&mut gradients);
    assert!(gradients.get("mean").is_none(), "a buffer has been updated");
}

#[test]
fn batch_normalisation_couples_the_examples_and_names_itself() {
    fn is_coupled_by<M: Bayesian<Batch = No<W>>, W>(_: &M, _: impl Fn(&W)) {}
    is_coupled_by(&net(), |_: &BatchNorm<f64>| ());
    fn is_independent<M: Bayesian<Batch = Yes>>(_: &M) {}
    is_independent(&MaxPool2d::<f64>::new([2, 2]));
}

#[test]
#[should_panic(expected = "BatchNorm: 4 draws at once in training, but there is only one running mean")]
fn several_draws_at_once_are_refused_in_training() {
    let net = net();
    let (tape, x) = (Tape::new(), numbers([2, 1, 5, 5]));
    net.draw(&tape, Drawing::new(Key::new(1)).draws(4)).forward(tape.input(&x));
}

#[test]
fn pools_agree_with_their_definitions() {
    let tape = Tape::inference();
    let x = numbers([1, 2, 4, 4]);
    let pool = MaxPool2d::with(Pooling::new([2, 2]).stride([1, 2]));
    let y = pool.draw(&tape, Key::new(1)).forward(tape.input(&x));
    assert_eq!(y.shape(), [1, 2, 3, 2]);
    let at = |c: usize, i: usize, j: usize| x.data()[(c * 4 + i) * 4 + j];
    let largest = |c, i, j| at(c, i, j).max(at(c, i, j + 1)).max(at(c, i + 1, j)).max(at(c, i + 1, j + 1));
    assert_eq!(y.value()[..3], [largest(0, 0, 0), largest(0, 0, 2), largest(0, 1, 0)]);
    assert_eq!(y.value()[11], largest(1, 2, 2));

    let line: Tensor<f64> = Tensor::new([1, 1, 4], [1.0, 2.0, 5.0, 9.0]);
    let means = AvgPool1d::new([2]);
    let y = means.draw(&tape, Key::new(1)).forward(tape.input(&line));
    assert_eq!(y.value(), [1.5, 7.0]);
    assert_eq!(means.num_parameters(), 0);
}
