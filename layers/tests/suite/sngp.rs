//! Layers with a bounded spectral norm, and the output layer of random Fourier features.

use elbo::nn::{RandomFeatureGp, SpectralNorm};
use elbo::prelude::*;
use elbo::{Path, Shape, Yes};

use crate::common::assert_near;

use crate::common::panics::panics;

type Mean<T> = MeanField<T>;

fn numbers<T: Real>(shape: impl Into<Shape>) -> Tensor<T> {
    Tensor::from_fn(shape, |i| (0.7 * i as f64 + 0.3).sin() + 0.1)
}

/// The largest singular value by one-sided Jacobi rotations, which make the columns orthogonal.
fn largest_singular(matrix: &[f64], columns: usize) -> f64 {
    let mut a: Vec<Vec<f64>> =
        (0..columns).map(|j| matrix.iter().skip(j).step_by(columns).copied().collect()).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for _ in 0..60 {
        let mut off: f64 = 0.0;
        for i in 0..columns {
            for j in 0..i {
                let [ii, jj, ij] = [dot(&a[i], &a[i]), dot(&a[j], &a[j]), dot(&a[i], &a[j])];
                if ij == 0.0 {
                    continue;
                }
                off = off.max(ij.abs() / (ii * jj).sqrt());
                let zeta = (jj - ii) / (2.0 * ij);
                let t = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cos = 1.0 / t.hypot(1.0);
                for k in 0..a[i].len() {
                    let [x, y] = [a[i][k], a[j][k]];
                    (a[i][k], a[j][k]) = (cos * (x - t * y), cos * (t * x + y));
                }
            }
        }
        if off < 1e-15 {
            break;
        }
    }
    a.iter().map(|column| dot(column, column).sqrt()).fold(0.0, f64::max)
}

/// Checks the bound of every draw of a value with several, and that it is reached where the raw weight is above it.
#[track_caller]
fn is_bounded<T: Real>(bounded: Var<'_, T>, raw: Var<'_, T>, bound: f64) {
    let tolerance = if T::NAME == "f32" { 1e-5 } else { 1e-12 };
    let columns = bounded.shape()[1];
    for (bounded, raw) in bounded.value().chunks(bounded.len()).zip(raw.value().chunks(raw.len())) {
        let [found, whole] =
            [bounded, raw].map(|w| largest_singular(&w.iter().map(|w| w.to_f64()).collect::<Vec<_>>(), columns));
        assert!(found <= bound * (1.0 + tolerance), "{found} is above {bound}");
        let expected = whole.min(bound);
        assert!(found >= expected * (1.0 - 3e-4), "{found} {expected}");
    }
}

fn spectral<T: Real>(inputs: usize, outputs: usize, bound: f64) -> SpectralNorm<Mean<T>> {
    SpectralNorm::of(inputs, outputs, bound, |shape| Mean::<T>::new(shape), Normal(0.0, 1.0)).initial_sd(0.3)
}

fn check_draws<T: Real>(layer: &SpectralNorm<Mean<T>>) {
    let tape = Tape::new();
    for seed in 0..2 {
        let key = Key::new(seed);
        for drawing in [Drawing::new(key), Drawing::new(key).draws(5), Drawing::new(key).antithetic_pairs(2)] {
            for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
                let draw = layer.draw(&tape, drawing.estimator(estimator));
                is_bounded(draw.bounded(), *draw.weight, layer.bound());
            }
        }
    }
    let draw = layer.mean(&tape);
    is_bounded(draw.bounded(), *draw.weight, layer.bound());
    let tape = Tape::inference();
    let draw = layer.draw(&tape, Key::new(7));
    is_bounded(draw.bounded(), *draw.weight, layer.bound());
}

#[bayesian]
#[derive(Clone)]
struct Net {
    first: SpectralNorm<Mean<f64>>,
    second: SpectralNorm<Mean<f64>>,
    head: RandomFeatureGp<Mean<f64>>,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        let x = self.first.forward(x);
        self.head.forward(x + self.second.forward(x).tanh())
    }
}

fn net() -> Net {
    let head = RandomFeatureGp::of(6, 1, 32, Key::new(5), |shape| Mean::new(shape), Normal(0.0, 1.0));
    Net { first: spectral(2, 6, 0.8), second: spectral(6, 6, 0.9), head }
}

#[test]
fn every_draw_is_bounded_before_and_after_training_and_after_loading() {
    for (inputs, outputs) in [(1, 1), (5, 1), (1, 5), (3, 7), (7, 3), (12, 12)] {
        for bound in [0.5, 3.0, 100.0] {
            check_draws(&spectral::<f64>(inputs, outputs, bound));
            check_draws(&spectral::<f32>(inputs, outputs, bound));
        }
    }
    let x = numbers([60, 2]);
    let y = Tensor::from_fn([60, 1], |i| 3.0 * x.data()[2 * i]);
    let data = Examples::new(x.clone(), y).unwrap();
    let trained = |threads: usize| {
        let mut model = net();
        Elbo::new(Gaussian::new(0.1))
            .threads(threads)
            .batch_size(20)
            .quiet()
            .fit(&mut model, &data, Epochs(8))
            .unwrap();
        model
    };
    let model = trained(1);
    check_draws(&model.first);
    check_draws(&model.second);
    let all = |model: &Net| {
        let mut all = Vec::new();
        model.visit(&Path::ROOT, &mut |_, _, tensor| all.extend_from_slice(tensor.data()));
        all
    };
    assert_eq!(all(&model), all(&trained(3)), "the same bits for any number of threads");
    // The features are not learned.
    assert_eq!(model.head.frequencies.0, net().head.frequencies.0);
    assert_eq!(model.head.phases.0, net().head.phases.0);
    #[cfg(feature = "files")]
    {
        let mut read = net();
        read.head = RandomFeatureGp::of(6, 1, 32, Key::new(6), |shape| Mean::new(shape), Normal(0.0, 1.0));
        read.load_from_bytes("net", model.save_to_bytes()).unwrap();
        assert_eq!(read.outputs(&x, Draws(3)), model.outputs(&x, Draws(3)));
        check_draws(&read.second);
    }
}

#[test]
fn a_large_weight_is_bounded() {
    // Singular values that lie close together at their end, as those of a random matrix do.
    let layer = spectral::<f64>(200, 150, 1.0);
    let tape = Tape::new();
    let draw = layer.draw(&tape, Key::new(1));
    is_bounded(draw.bounded(), *draw.weight, 1.0);
}

fn of_weight(weight: &Tensor<f64>, bound: f64) -> SpectralNorm<Point<f64>> {
    let made = |shape: Shape| if shape.len() == 2 { Point(weight.clone()) } else { Point(Tensor::zeros(shape)) };
    SpectralNorm::of(weight.shape()[1], weight.shape()[0], bound, made, Normal(0.0, 1.0))
}

#[test]
fn gradients_agree_with_differences_and_a_small_weight_is_unchanged() {
    for shape in [[4, 3], [3, 4], [1, 4], [4, 1]] {
        let weight = numbers::<f64>(shape);
        let cotangent = Tensor::from_fn(shape, |i| (1.3 * i as f64).cos());
        let value = |weight: &Tensor<f64>, bound: f64| {
            let tape = Tape::new();
            let layer = of_weight(weight, bound);
            let loss = (layer.draw(&tape, Key::new(1)).bounded() * tape.input(&cotangent)).sum();
            let mut gradients = Gradients::of(&layer);
            loss.backward(&mut gradients);
            (loss.item(), gradients.get("weight").unwrap().to_vec())
        };
        for bound in [0.7, 10.0] {
            let (_, gradient) = value(&weight, bound);
            for (i, found) in gradient.iter().enumerate() {
                let [above, below] = [1e-5, -1e-5].map(|step| {
                    let mut weight = weight.clone();
                    weight.data_mut()[i] += step;
                    value(&weight, bound).0
                });
                let expected = (above - below) / 2e-5;
                assert!((found - expected).abs() < 1e-7, "{shape:?}, {bound}: {found} {expected}");
            }
        }
        let tape = Tape::new();
        let layer = of_weight(&weight, 10.0);
        assert_near(layer.draw(&tape, Key::new(1)).bounded().value(), weight.data(), 0.0);
    }
}

#[test]
fn the_divergence_is_that_of_the_weight_before_the_bound() {
    let (layer, dense) = (spectral::<f64>(3, 2, 0.1), Dense::<Mean<f64>>::mean_field(3, 2).initial_sd(0.3));
    assert_eq!(layer.kl_terms(), dense.kl_terms());
    assert_eq!(net().kl_terms().last().unwrap().0, "head.weight");
    // Without noise and with a loose bound it is a dense layer.
    let (tape, x) = (Tape::new(), numbers([4, 3]));
    let [mut layer, mut dense] = [0, 1].map(|_| (spectral::<f64>(3, 2, 50.0), dense.clone()));
    layer.0 = layer.0.initial_sd(1e-30);
    dense.1 = dense.1.initial_sd(1e-30);
    let [a, b] = [
        layer.0.draw(&tape, Key::new(1)).forward(tape.input(&x)),
        dense.1.draw(&tape, Key::new(1)).forward(tape.input(&x)),
    ];
    assert_near(a.value(), b.value(), 1e-14);
}

#[test]
fn no_scale_gives_nan_and_zeros_are_bounded() {
    for rho in [-1e4, -1e2, 1e2, 1e4] {
        let mut model = net();
        model.visit_mut(&Path::ROOT, &mut |path, _, parameter| {
            if path.to_string().ends_with("rho") {
                parameter.data_mut().fill(rho);
            }
        });
        let (tape, x) = (Tape::new(), numbers([3, 2]));
        let draw = model.draw(&tape, Key::new(1));
        let mut gradients = Gradients::of(&model);
        let loss = draw.forward(tape.input(&x)).sum() + draw.kl().var().unwrap();
        loss.backward(&mut gradients);
        assert!(loss.item().is_finite() && gradients.first_non_finite().is_none(), "{rho}");
    }
    let (tape, layer) = (Tape::new(), of_weight(&Tensor::zeros([3, 2]), 1.0));
    let bounded = layer.draw(&tape, Key::new(1)).bounded();
    let mut gradients = Gradients::of(&layer);
    bounded.sum().backward(&mut gradients);
    assert_eq!(bounded.value(), [0.0; 6]);
    assert_near(gradients.get("weight").unwrap(), &[1.0; 6], 0.0);
}

#[test]
fn random_features_have_the_kernel_of_the_process() {
    let head = RandomFeatureGp::of(3, 2, 4000, Key::new(1), |shape| Mean::<f64>::new(shape), Normal(0.0, 1.0));
    let head = head.length_scale(1.7);
    let phases = head.phases.0.data();
    assert!(phases.iter().all(|phase| (0.0..std::f64::consts::TAU).contains(phase)));
    let (tape, x) = (Tape::new(), numbers([6, 3]));
    let features = head.mean(&tape).features(tape.input(&x));
    let (values, frequencies) = (features.value(), head.frequencies.0.data());
    let angle = |row: usize, i: usize| (0..3).map(|k| x.data()[3 * row + k] * frequencies[3 * i + k]).sum::<f64>();
    let expected = |i: usize| (angle(i / 4000, i % 4000) + phases[i % 4000]).cos() * (2.0f64 / 4000.0).sqrt();
    assert_near(values, &(0..values.len()).map(expected).collect::<Vec<_>>(), 1e-14);
    let covariances = features.linear(features).value();
    for (i, covariance) in covariances.iter().enumerate() {
        let distance = (0..3).map(|k| (x.data()[i / 6 * 3 + k] - x.data()[i % 6 * 3 + k]).powi(2)).sum::<f64>();
        let kernel = (-0.5 * distance / 1.7f64.powi(2)).exp();
        // Four standard deviations of a mean of 4,000 numbers below 2.
        assert!((covariance - kernel).abs() < 4.0 * 2.0 / 4000f64.sqrt(), "{covariance} {kernel}");
    }
    let other = RandomFeatureGp::new(3, 2, 8, Key::new(2));
    assert_eq!(other.frequencies.0, RandomFeatureGp::new(3, 2, 8, Key::new(2)).frequencies.0);
    assert_ne!(other.frequencies.0, RandomFeatureGp::new(3, 2, 8, Key::new(3)).frequencies.0);
}

/// A head with the exact posterior of linear regression by its features: precision I + ΦᵀΦ/s².
fn exact(x: &Tensor<f64>, y: &Tensor<f64>, noise: f64) -> RandomFeatureGp<FullCovariance<f64>> {
    const FEATURES: usize = 60;
    let new = |shape: Shape| FullCovariance::<f64>::new(shape);
    let mut head = RandomFeatureGp::of(1, 1, FEATURES, Key::new(1), new, Normal(0.0, 1.0)).length_scale(0.5);
    let tape = Tape::new();
    let features = head.mean(&tape).features(tape.input(x));
    let of_data = features.transpose().matmul(features) * noise.powi(-2);
    let precision = of_data + tape.constant([FEATURES; 2], |i| f64::from(u8::from(i % (FEATURES + 1) == 0)));
    let covariance = precision.inverse();
    let mean = covariance.matmul(features.transpose().matmul(tape.input(y))) * noise.powi(-2);
    let factor = covariance.cholesky().to_tensor();
    head.weight = FullCovariance::with_factor(mean.to_tensor().reshaped([1, FEATURES]), &factor);
    head
}

#[test]
fn the_variance_grows_away_from_the_data() {
    let noise = 0.1;
    let x: Tensor<f64> = Tensor::from_fn([40, 1], |i| i as f64 / 20.0 - 1.0);
    let y: Tensor<f64> = Tensor::from_fn([40, 1], |i| (3.0 * x.data()[i]).sin());
    let near_and_far = Tensor::new([4, 1], [0.0, 0.5, 4.0, 6.0]);
    let head = exact(&x, &y, noise);
    let sds = |head: &RandomFeatureGp<FullCovariance<f64>>| {
        let outputs = head.outputs(&near_and_far, Draws(2000));
        let draws = outputs.tensor().data();
        (0..4)
            .map(|i| {
                let values: Vec<f64> = draws.iter().skip(i).step_by(4).copied().collect();
                let mean = values.iter().sum::<f64>() / 2000.0;
                (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 2000.0).sqrt()
            })
            .collect::<Vec<_>>()
    };
    let found = sds(&head);
    assert!(found[0] < 0.05 && found[1] < 0.05, "{found:?}");
    assert!(found[2] > 0.5 && found[3] > 0.5, "{found:?}");
}

#[test]
fn examples_are_independent() {
    fn is_independent<M: Bayesian<Batch = Yes>>(_: &M) {}
    let model = net();
    is_independent(&model);
    let x = numbers([6, 2]);
    let some = Tensor::new([2, 2], [&x.data()[8..10], &x.data()[2..4]].concat());
    let [all, part] = [&x, &some].map(|x| model.outputs(x, Draws(3)));
    for draw in 0..3 {
        let rows = [all.tensor().data()[draw * 6 + 4], all.tensor().data()[draw * 6 + 1]];
        assert_near(&rows, &part.tensor().data()[draw * 2..][..2], 1e-12);
    }
    assert_eq!(KeptDraws::new(&model, Draws(3)).outputs(&x), all);
}

#[test]
fn mistakes_are_reported_at_the_callers_line() {
    let tape = Tape::new();
    let x = tape.constant([4, 5], |_| 1.0);
    let layer = spectral::<f64>(3, 2, 1.0);
    let draw = layer.draw(&tape, Key::new(1));
    panics(&["[4, 5]"], || draw.forward(x));
    let head = RandomFeatureGp::of(3, 2, 4, Key::new(1), |shape| Mean::<f64>::new(shape), Normal(0.0, 1.0));
    let draw = head.draw(&tape, Key::new(1));
    panics(&["[4, 5]"], || draw.forward(x));
    panics(&["SpectralNorm: the bound must be positive and finite, got 0"], || SpectralNorm::new(3, 2, 0.0));
    panics(&["RandomFeatureGp: at least one feature is needed, got 0"], || RandomFeatureGp::new(3, 2, 0, Key::new(1)));
    let words = ["RandomFeatureGp: the length scale must be positive and finite, got -1"];
    panics(&words, || head.clone().length_scale(-1.0));
}
