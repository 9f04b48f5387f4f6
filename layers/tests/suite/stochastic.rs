//! Layers with noise of their own: multiplicative noise, masks of weights and of branches.

use elbo::nn::{DropConnect, GaussianDropout, StochasticDepth};
use elbo::prelude::*;
use elbo::{Yes, with_threads};

use crate::common::panics::panics;

fn numbers<T: Real>(shape: impl Into<elbo::Shape>) -> Tensor<T> {
    Tensor::from_fn(shape, |i| (0.7 * i as f64 + 0.3).sin() + 0.1)
}

fn dense(inputs: usize, outputs: usize) -> Dense<MeanField<f64>> {
    let mut dense = Dense::<MeanField<f64>>::mean_field(inputs, outputs).initial_sd(0.2);
    dense.initialise(Key::new(9));
    dense.bias.mean = numbers([outputs]);
    dense
}

#[test]
fn gaussian_dropout_has_the_mean_and_variance_of_dropout() {
    let (dropout, ones) = (GaussianDropout::<f64>::new(0.2), Tensor::full([200, 500], 1.0));
    let tape = Tape::new();
    let draw = dropout.draw(&tape, Key::new(1));
    let [first, second] = [0, 1].map(|_| draw.forward(tape.input(&ones)).value().to_vec());
    assert_ne!(first, second, "each call has its own noise");
    let (n, alpha) = (first.len() as f64, 0.25);
    let mean = first.iter().sum::<f64>() / n;
    let variance = first.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() / n;
    assert!((mean - 1.0).abs() < 4.0 * (alpha / n).sqrt(), "{mean}");
    assert!((variance / alpha - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{variance}");
    let x = numbers([200, 500]);
    let scaled = dropout.draw(&tape, Key::new(1)).forward(tape.input(&x)).value().to_vec();
    assert!(scaled.iter().zip(x.data()).zip(&first).all(|((y, x), noise)| (y - x * noise).abs() < 1e-14));
    let tape = Tape::inference();
    assert_eq!(dropout.draw(&tape, Key::new(1)).forward(tape.input(&x)).value(), x.data());
    let on = GaussianDropout::monte_carlo(0.2).draw(&tape, Key::new(1)).forward(tape.input(&ones)).value().to_vec();
    assert!(on[0] != 1.0 && on.chunks(500).all(|row| row == &on[..500]));
}

/// A layer with outputs of as many channels as examples, so that a mask over the wrong axis is seen.
#[bayesian]
#[derive(Clone)]
struct Cube {
    dense: Dense<MeanField<f64>>,
}

#[bayesian]
impl Cube {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        self.dense.forward(x)
    }
}

#[test]
fn stochastic_depth_drops_whole_examples() {
    let (rate, n) = (0.3, 40);
    let depth = StochasticDepth::new(Cube { dense: dense(n, n) }, rate);
    let x = numbers([n, n, n]);
    let (mut dropped, mut examples) = (0, 0);
    for seed in 0..20 {
        let tape = Tape::new();
        let key = Key::new(seed);
        let draw = depth.draw(&tape, key);
        let whole = draw.layer.forward(tape.input(&x)).value().to_vec();
        let y = draw.forward(tape.input(&x));
        assert_eq!(y.shape(), [n, n, n]);
        for (y, whole) in y.value().chunks(n * n).zip(whole.chunks(n * n)) {
            let is_dropped = y[0] == 0.0;
            let factor = if is_dropped { 0.0 } else { 1.0 / (1.0 - rate) };
            assert!(y.iter().zip(whole).all(|(y, whole)| (y - whole * factor).abs() < 1e-12));
            dropped += usize::from(is_dropped);
            examples += 1;
        }
        assert_eq!(draw.kl().nats(), depth.layer.draw(&tape, key).kl().nats(), "the divergence is the layer's");
    }
    let share = f64::from(dropped as u32) / f64::from(examples as u32);
    assert!((share - rate).abs() < 4.0 * (rate * (1.0 - rate) / f64::from(examples as u32)).sqrt(), "{share}");
    assert_eq!(depth.kl_terms()[0].0, "layer.dense.weight");
}

#[test]
fn stochastic_depth_in_predictions_is_off_or_the_same_for_all_rows() {
    let x = numbers::<f64>([7, 3]);
    let (off, plain) = (StochasticDepth::new(dense(3, 2), 0.5), StochasticDepth::new(dense(3, 2), 0.0));
    assert_eq!(off.outputs(&x, Draws(8)), plain.outputs(&x, Draws(8)));
    let on = StochasticDepth::monte_carlo(dense(3, 2), 0.5);
    let (whole, part) = (on.outputs(&x, Draws(64)), on.outputs(&Tensor::new([1, 3], &x.data()[18..21]), Draws(64)));
    let mut dropped = 0;
    for (draw, plain) in whole.tensor().data().chunks(14).zip(plain.outputs(&x, Draws(64)).tensor().data().chunks(14)) {
        let factor = if draw[0] == 0.0 { 0.0 } else { 2.0 };
        dropped += usize::from(draw[0] == 0.0);
        assert!(draw.iter().zip(plain).all(|(y, plain)| (y - factor * plain).abs() < 1e-12));
    }
    assert!((16..48).contains(&dropped), "{dropped}");
    let last =
        |outputs: &[f64], rows: usize| outputs.chunks(2 * rows).map(|draw| draw[2 * rows - 1]).collect::<Vec<_>>();
    let [a, b] = [last(whole.tensor().data(), 7), last(part.tensor().data(), 1)];
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-12));
    assert_eq!(whole, KeptDraws::new(&on, Draws(64)).outputs(&x));
}

#[test]
fn drop_connect_masks_weights_the_same_for_all_examples() {
    let (rate, n) = (0.4, 60);
    let plain = dense(n, n);
    let mut layer = DropConnect::of(n, n, rate, |shape| MeanField::<f64>::new(shape), Normal(0.0, 1.0));
    (layer.weight, layer.bias) = (plain.weight.clone(), plain.bias.clone());
    // The rows of the identity show the weight's columns.
    let identity = Tensor::from_fn([n, n], |i| f64::from(u8::from(i % n == i / n)));
    let columns = |net: Var<'_, f64>| net.value().to_vec();
    let tape = Tape::new();
    let (net, whole) = (layer.draw(&tape, Key::new(1)), plain.draw(&tape, Key::new(1)));
    let (masked, whole_columns) =
        (columns(net.forward(tape.input(&identity))), columns(whole.forward(tape.input(&identity))));
    let mut zeros = 0;
    for (i, (masked, whole_column)) in masked.iter().zip(&whole_columns).enumerate() {
        let bias = whole.bias.value()[i % n];
        let (found, weight) = (masked - bias, whole_column - bias);
        zeros += usize::from(found.abs() < 1e-12);
        assert!(found.abs() < 1e-12 || (found - weight / (1.0 - rate)).abs() < 1e-12, "{found} {weight}");
    }
    let share = f64::from(zeros as u32) / (n * n) as f64;
    assert!((share - rate).abs() < 4.0 * (rate * (1.0 - rate)).sqrt() / n as f64, "{share}");
    assert_eq!(net.kl().nats(), whole.kl().nats());

    // The masks of two draws differ; a second call has a mask of its own.
    let drawing = Drawing::new(Key::new(1)).draws(2);
    let two = layer.draw(&tape, drawing).forward(tape.input(&identity)).value().to_vec();
    let pattern = |y: &[f64]| (0..n * n).map(|i| (y[i] - whole.bias.value()[i % n]).abs() < 1e-12).collect::<Vec<_>>();
    assert_ne!(pattern(&two[..n * n]), pattern(&two[n * n..]));

    // Off in predictions; on, a draw is a function of its inputs.
    let x = numbers([5, n]);
    assert_eq!(layer.outputs(&x, Draws(4)), plain.outputs(&x, Draws(4)));
    let on = layer.monte_carlo();
    let all = on.outputs(&x, Draws(4));
    assert_ne!(all, plain.outputs(&x, Draws(4)));
    assert_eq!(all, KeptDraws::new(&on, Draws(4)).outputs(&x));
    let part = on.outputs(&Tensor::new([1, n], &x.data()[n..2 * n]), Draws(4));
    for draw in 0..4 {
        let rows = (&all.tensor().data()[(draw * 5 + 1) * n..][..n], &part.tensor().data()[draw * n..][..n]);
        assert!(rows.0.iter().zip(rows.1).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}

#[bayesian]
#[derive(Clone)]
struct Net {
    first: DropConnect,
    noise: GaussianDropout,
    branch: StochasticDepth<Dense>,
    head: Dense,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var) -> Var {
        let x = self.first.forward(x).tanh();
        let x = self.noise.forward(x);
        self.head.forward(x + self.branch.forward(x).tanh())
    }
}

fn net() -> Net {
    Net {
        first: DropConnect::new(2, 8, 0.2),
        noise: GaussianDropout::new(0.1),
        branch: StochasticDepth::new(Dense::new(8, 8), 0.3),
        head: Dense::new(8, 1),
    }
}

#[test]
fn training_has_the_same_bits_for_any_number_of_threads() {
    let x = numbers([150, 2]);
    let y = Tensor::from_fn([150, 1], |i| f64::from(x.data()[2 * i]));
    let data = Examples::new(x, y).unwrap();
    let trained = |threads: usize| {
        let mut model = net();
        let mut elbo = Elbo::new(Gaussian::new(0.3)).threads(threads).batch_size(64).quiet();
        elbo.fit(&mut model, &data, Epochs(3)).unwrap();
        let mut all = Vec::new();
        model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| all.extend_from_slice(tensor.data()));
        all
    };
    let one = trained(1);
    assert!(one.iter().all(|x| x.is_finite()));
    assert_eq!(one, trained(2));
    assert_eq!(one, trained(5));
}

#[test]
fn examples_are_independent_and_models_are_saved() {
    fn is_independent<M: Bayesian<Batch = Yes>>(_: &M) {}
    let mut model = net();
    is_independent(&model);
    model.initialise(Key::new(2));
    let x = numbers([6, 2]);
    let reversed = Tensor::from_fn([6, 2], |i| f64::from(x.data()[(5 - i / 2) * 2 + i % 2]));
    let [all, other] = [&x, &reversed].map(|x| with_threads(1, || model.outputs(x, Draws(3))));
    for draw in 0..3 {
        for row in 0..6 {
            let [a, b] = [all.tensor().data()[draw * 6 + row], other.tensor().data()[draw * 6 + 5 - row]];
            assert!((a - b).abs() < 1e-6);
        }
    }
    #[cfg(feature = "files")]
    {
        let mut read = net();
        read.load_from_bytes("net", model.save_to_bytes()).unwrap();
        assert_eq!(read.outputs(&x, Draws(3)), all);
    }
}

#[test]
fn mistakes_are_reported_at_the_callers_line() {
    let tape = Tape::new();
    let x = tape.constant([4, 5], |_| 1.0);
    let connect = DropConnect::of(3, 2, 0.5, |shape| MeanField::<f64>::new(shape), Normal(0.0, 1.0));
    let draw = connect.draw(&tape, Key::new(1));
    panics(&["[4, 5]"], || draw.forward(x));
    panics(&["GaussianDropout: the rate must be in [0, 1), got 1"], || GaussianDropout::<f32>::new(1.0));
    panics(&["DropConnect: the rate must be in [0, 1), got -0.5"], || DropConnect::new(3, 2, -0.5));
    panics(&["StochasticDepth: the rate must be in [0, 1), got 2"], || StochasticDepth::new(dense(3, 2), 2.0));
}
