//! Layers that share a weight: rank-1 factors and BatchEnsemble, against PyTorch (`reference/factor_layers.py`).

use elbo::nn::{BatchEnsemble, Rank1Conv, Rank1Conv2d, Rank1Dense};
use elbo::prelude::*;
use elbo::{Path, Shape, Yes, with_threads};
use serde_json::Value;

use crate::common::assert_near;
use crate::common::layer_cases::{agree_in_gradients, cases, set_weights, tensor};
use crate::common::panics::panics;

/// Outputs and gradients of a case, for a layer whose parameters have the names of the reference's.
fn compare<M>(case: &Value, mut layer: M, draws: usize)
where
    M: Bayesian + Parameters<Scalar = f64>,
    for<'t> M::Draw<'t>: Forward<'t, Var<'t, f64>, Out = Var<'t, f64>>,
{
    let name = case["name"].as_str().unwrap();
    let names = set_weights(name, &case["parameters"], &mut layer);
    let [x, expected, cotangent] = ["x", "output", "cotangent"].map(|key| tensor(&case[key]));
    let input = Point(x);
    let both = (layer, input);
    let mut gradients = Gradients::of(&both);
    let tape = Tape::new();
    let (draw, x) = both.draw(&tape, Drawing::new(Key::new(1)).draws(draws));
    let y = draw.forward(x);
    assert_near(y.to_tensor().data(), expected.data(), 1e-10);
    // A loss is the mean over the draws.
    let weights = cotangent.data().chunks(y.len()).map(|of_draw| tape.constant(y.shape(), |i| of_draw[i]));
    let mut loss = tape.constant([], |_| 0.0);
    for (draw, weights) in weights.enumerate() {
        // The draw `draw` alone, made again.
        let draw = both.draw(&tape, Key::new(1).draw(draw));
        loss = loss + (draw.0.forward(draw.1) * weights).sum();
    }
    loss.backward(&mut gradients);
    let of_parameters = names.iter().map(|path| (format!("0.{path}"), &path[..]));
    agree_in_gradients(case, &gradients, of_parameters.chain([("1".to_owned(), "x")]));
}

fn point(shape: Shape) -> Point<f64> {
    Point::new(shape)
}

#[test]
fn layers_agree_with_pytorch() {
    let cases = cases(include_str!("../reference/factor_layers.json"));
    assert_eq!(cases.len(), 6);
    let prior = Normal(0.0, 1.0);
    for case in &cases {
        match case["name"].as_str().unwrap() {
            "dense" => compare(case, Rank1Dense::of(3, 4, point, prior), 1),
            "dense without bias" => compare(case, Rank1Dense::of(3, 4, point, prior).without_bias(), 1),
            "conv" => {
                compare(case, Rank1Conv2d::of(3, 4, [2, 3], point, prior).stride([1, 2]).padding([1, 0]), 1);
            }
            "conv without bias" => compare(case, Rank1Conv2d::of(3, 4, [2, 3], point, prior).without_bias(), 1),
            "ensemble" => compare(case, BatchEnsemble::of(3, 4, 3), 5),
            "ensemble without bias" => compare(case, BatchEnsemble::of(3, 4, 3).without_bias(), 5),
            other => panic!("{other}"),
        }
    }
}

type Mean = MeanField<f64>;

fn mean_field(shape: Shape) -> Mean {
    MeanField::new(shape)
}

fn numbers<T: Real>(shape: impl Into<Shape>) -> Tensor<T> {
    Tensor::from_fn(shape, |i| (0.7 * i as f64 + 0.3).sin() + 0.1)
}

/// As many examples as features, so that a vector over the wrong axis is seen.
fn dense(n: usize) -> Rank1Dense<Mean> {
    let mut layer = Rank1Dense::of(n, n, mean_field, Normal(0.0, 0.5));
    layer.initialise(Key::new(3));
    layer.bias = Some(Point(numbers([n])));
    layer
}

#[test]
fn the_divergence_is_that_of_the_factors() {
    let layer = dense(3).initial_sd(0.2);
    let names: Vec<_> = layer.kl_terms().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["input_deviation", "output_deviation"]);
    // Six elements of N(1, 0.2²) under N(1, 0.5²).
    let each = (0.5f64 / 0.2).ln() + 0.5 * (0.2f64 / 0.5).powi(2) - 0.5;
    assert!((layer.kl() - 6.0 * each).abs() < 1e-10, "{}", layer.kl());
    let (tape, x) = (Tape::new(), numbers([3, 3]));
    let draw = layer.draw(&tape, Key::new(1));
    let x = tape.input(&x);
    draw.forward(draw.forward(x));
    assert!((draw.kl().nats() - layer.kl()).abs() < 1e-10, "it is counted once, however often the layer is used");
    assert!(BatchEnsemble::new(3, 2, 4).kl_terms().is_empty());
}

#[test]
fn without_noise_they_are_the_plain_layers() {
    let (x, tape) = (numbers([4, 4]), Tape::new());
    let layer = dense(4).initial_sd(1e-30);
    let plain = tape.input(&x).affine(tape.input(&layer.weight.0), tape.input(&layer.bias.as_ref().unwrap().0));
    assert_near(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).value(), plain.value(), 1e-14);
    let images = numbers([3, 3, 5, 5]);
    let conv = Rank1Conv2d::of(3, 3, [2, 2], mean_field, Normal(0.0, 1.0)).initial_sd(1e-30);
    let plain = tape.input(&images).convolve(tape.input(&conv.weight.0), None::<Var<f64>>, conv.settings);
    assert_near(conv.draw(&tape, Key::new(1)).forward(tape.input(&images)).value(), plain.value(), 1e-14);
}

#[test]
fn estimators_give_each_example_factors_of_its_own_with_the_same_moments() {
    let (n, sd) = (40, 0.3);
    let mut layer = Rank1Dense::of(n, n, mean_field, Normal(0.0, 1.0)).initial_sd(sd);
    layer.weight = Point(Tensor::from_fn([n, n], |i| f64::from(u8::from(i % n == i / n))));
    let mut conv = Rank1Conv::<1, Mean>::of(n, n, [1], mean_field, Normal(0.0, 1.0)).initial_sd(sd);
    conv.weight = Point(Tensor::new([n, n, 1], layer.weight.0.data()));
    let (rows, images) = (Tensor::full([n, n], 2.0), Tensor::full([n, n, 1], 2.0));
    // 2 (1 + u)(1 + v).
    let variance = 4.0 * ((1.0 + sd * sd).powi(2) - 1.0);
    for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
        let (mut sum, mut squares, mut differ) = (0.0, 0.0, 0);
        let draws = 400;
        for draw in 0..draws {
            let tape = Tape::new();
            let drawing = Drawing::new(Key::new(5).draw(draw)).estimator(estimator);
            let y = if draw % 2 == 0 {
                layer.draw(&tape, drawing).forward(tape.input(&rows)).value()
            } else {
                conv.draw(&tape, drawing).forward(tape.input(&images)).value()
            };
            // One element of the first two examples.
            sum += y[0];
            squares += (y[0] - 2.0).powi(2);
            differ += usize::from(y[0] != y[n]);
        }
        let [mean, found] = [sum, squares].map(|sum| sum / draws as f64);
        assert!((mean - 2.0).abs() < 4.0 * (variance / draws as f64).sqrt(), "{estimator:?}: {mean}");
        assert!((found / variance - 1.0).abs() < 0.4, "{estimator:?}: {found} {variance}");
        assert_eq!(differ == 0, estimator == Estimator::Sample, "{estimator:?}: {differ}");
    }
    let (tape, drawing) = (Tape::new(), Drawing::new(Key::new(1)));
    let _ = layer.draw(&tape, drawing.estimator(Local));
    let _ = conv.draw(&tape, drawing.estimator(Flipout));
}

#[bayesian]
#[derive(Clone)]
struct Net {
    conv: Rank1Conv2d<Mean>,
    dense: Rank1Dense<Mean>,
    ensemble: BatchEnsemble<f64>,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        let x = self.conv.forward(x).tanh();
        let x = self.dense.forward(x.reshape([x.shape()[0], 8])).tanh();
        self.ensemble.forward(x)
    }
}

fn net() -> Net {
    let prior = Normal(0.0, 0.5);
    Net {
        conv: Rank1Conv2d::of(1, 2, [2, 2], mean_field, prior),
        dense: Rank1Dense::of(8, 8, mean_field, prior),
        ensemble: BatchEnsemble::of(8, 1, 3),
    }
}

#[test]
fn examples_are_independent_and_models_are_saved() {
    fn is_independent<M: Bayesian<Batch = Yes>>(_: &M) {}
    let mut model = net();
    is_independent(&model);
    model.initialise(Key::new(2));
    let x = numbers([6, 1, 3, 3]);
    let row = |i: usize| x.data()[9 * i..9 * (i + 1)].iter().copied();
    let some = Tensor::new([2, 1, 3, 3], row(4).chain(row(1)).collect::<Vec<_>>());
    let [all, part] = [&x, &some].map(|x| model.outputs(x, Draws(4)));
    for draw in 0..4 {
        let [all, part] = [(&all, 6), (&part, 2)].map(|(y, rows)| &y.tensor().data()[draw * rows..][..rows]);
        assert_near(&[all[4], all[1]], part, 1e-12);
    }
    assert_eq!(KeptDraws::new(&model, Draws(4)).outputs(&x), all);
    #[cfg(feature = "files")]
    {
        let mut read = net();
        read.load_from_bytes("net", model.save_to_bytes()).unwrap();
        assert_eq!(read.outputs(&x, Draws(4)), all);
    }
}

#[test]
fn no_scale_gives_nan() {
    for rho in [-1e4, -1e2, 1e2, 1e4] {
        let mut model = net();
        model.visit_mut(&Path::ROOT, &mut |path, _, parameter| {
            if path.to_string().ends_with("rho") {
                parameter.data_mut().fill(rho);
            }
        });
        let (tape, x) = (Tape::new(), numbers([3, 1, 3, 3]));
        let draw = model.draw(&tape, Key::new(1));
        let mut gradients = Gradients::of(&model);
        let loss = draw.forward(tape.input(&x)).sum() + draw.kl().var().unwrap();
        loss.backward(&mut gradients);
        assert!(loss.item().is_finite() && gradients.first_non_finite().is_none(), "{rho}");
    }
}

#[test]
fn members_take_turns() {
    let mut layer = BatchEnsemble::<f64>::of(3, 2, 3);
    for (i, member) in layer.members.iter_mut().enumerate() {
        member.bias = Some(Point(Tensor::full([2], 10.0 * i as f64)));
    }
    for (i, member) in layer.members.iter().enumerate() {
        for other in &layer.members[..i] {
            let factors = |member: &elbo::nn::EnsembleMember<f64>| {
                [member.input_factors.0.data(), member.output_factors.0.data()].concat()
            };
            assert_ne!(factors(member), factors(other));
            assert!(factors(member).iter().all(|x| x.abs() == 1.0));
        }
    }
    let x = numbers([4, 3]);
    let tape = Tape::new();
    let of_member = |i: usize| {
        let member = &layer.members[i];
        let [s, r] = [&member.input_factors, &member.output_factors].map(|factors| tape.input(&factors.0));
        let y = (tape.input(&x) * s).linear(tape.input(&layer.weight.0)) * r;
        (y + tape.input(&member.bias.as_ref().unwrap().0)).value().to_vec()
    };
    let of_key = |key: Key| layer.draw(&tape, key).forward(tape.input(&x)).value().to_vec();
    // Draws of a prediction, steps of a training, and both.
    for i in 0..7 {
        assert_eq!(of_key(Key::new(1).draw(i)), of_member(i % 3));
        assert_eq!(of_key(Key::new(1).step(i)), of_member(i % 3));
        let steps = Drawing::new(Key::new(1).step(i)).draws(2);
        let both = layer.draw(&tape, steps).forward(tape.input(&x)).to_tensor();
        assert_near(both.data(), &[of_member(2 * i % 3), of_member((2 * i + 1) % 3)].concat(), 1e-14);
    }
    // The draws of an antithetic pair are one member.
    let pairs = Drawing::new(Key::new(1)).antithetic_pairs(3);
    let pairs = layer.draw(&tape, pairs).forward(tape.input(&x)).to_tensor();
    assert_near(pairs.data(), &[0, 0, 1, 1, 2, 2].map(of_member).concat(), 1e-14);
    // Predictions.
    let outputs = layer.outputs(&x, Draws(4));
    assert_near(outputs.tensor().data(), &[0, 1, 2, 0].map(of_member).concat(), 1e-14);
    assert_eq!(KeptDraws::new(&layer, Draws(4)).outputs(&x), outputs);
    // Averages at the mean.
    let averages = layer.mean(&tape).forward(tape.input(&Tensor::zeros([1, 3]))).value().to_vec();
    assert_near(&averages, &[10.0, 10.0], 1e-14);
    let drawn = layer.clone().normal_factors(0.0, Key::new(2)).members;
    assert!(drawn.iter().all(|member| member.input_factors.0.data() == [1.0; 3]));
    let [a, b] = [1, 2].map(|seed| layer.clone().random_signs(Key::new(seed)).members[0].input_factors.0.clone());
    assert!(a.data() != b.data());
}

#[test]
fn training_moves_every_member_with_the_same_bits_for_any_number_of_threads() {
    let x = numbers([60, 1, 3, 3]);
    let y = Tensor::from_fn([60, 1], |i| x.data()[9 * i]);
    let data = Examples::new(x.clone(), y).unwrap();
    let trained = |threads: usize| {
        let mut model = net();
        Elbo::new(Gaussian::new(0.3))
            .threads(threads)
            .batch_size(20)
            .quiet()
            .fit(&mut model, &data, Epochs(4))
            .unwrap();
        model
    };
    let all = |model: &Net| {
        let mut all = Vec::new();
        model.visit(&Path::ROOT, &mut |_, _, tensor| all.extend_from_slice(tensor.data()));
        all
    };
    let one = trained(1);
    assert!(all(&one).iter().all(|x| x.is_finite()));
    assert_eq!(all(&one), all(&trained(2)));
    assert_eq!(all(&one), all(&trained(5)));
    for (before, after) in net().ensemble.members.iter().zip(&one.ensemble.members) {
        assert_ne!(before.input_factors.0.data(), after.input_factors.0.data());
        assert_ne!(before.bias.as_ref().unwrap().0.data(), after.bias.as_ref().unwrap().0.data());
    }
    let [a, b] = [1, 3].map(|threads| with_threads(threads, || one.outputs(&x, Draws(6))));
    assert_eq!(a, b);
}

#[test]
fn mistakes_are_reported_at_the_callers_line() {
    let tape = Tape::new();
    let x = |shape: &[usize]| tape.constant(shape, |_| 1.0);
    let dense = dense(3);
    let draw = dense.draw(&tape, Key::new(1));
    let narrow = x(&[4, 1]);
    panics(&["Rank1Dense: `input_deviation` has the shape [3]", "[4, 1]; expected (.., 3)"], || draw.forward(narrow));
    let conv = Rank1Conv2d::of(3, 2, [2, 2], mean_field, Normal(0.0, 1.0));
    let draw = conv.draw(&tape, Key::new(1));
    panics(&["Rank1Conv: ", "[3, 1, 4, 4]; expected (examples, 3, ..)"], || draw.forward(x(&[3, 1, 4, 4])));
    panics(&["[3, 3, 4]"], || draw.forward(x(&[3, 3, 4])));
    let other = Tape::new();
    let elsewhere = other.constant([4, 3], |_| 1.0);
    let draw = dense.draw(&tape, Drawing::new(Key::new(1)).estimator(Estimator::Sample));
    panics(&["two tapes"], || draw.forward(elsewhere));
    // Neither one element for all outputs nor one row for each example.
    for shape in [&[1][..], &[4, 2]] {
        let (mut dense, mut conv) = (dense.clone(), conv.clone());
        dense.bias = Some(Point(Tensor::zeros(shape)));
        conv.bias = Some(Point(Tensor::zeros(shape)));
        let tape = Tape::new();
        let (dense, conv) = (dense.draw(&tape, Key::new(1)), conv.draw(&tape, Key::new(1)));
        let (x, images) = (tape.constant([4, 3], |_| 1.0), tape.constant([4, 3, 4, 4], |_| 1.0));
        panics(&["Rank1Dense: `bias` has the shape"], || dense.forward(x));
        panics(&["Rank1Conv: `bias` has the shape"], || conv.forward(images));
    }
    let mut ensemble = BatchEnsemble::<f64>::of(3, 2, 2);
    let draw = ensemble.draw(&tape, Key::new(1));
    panics(&["BatchEnsemble: the input has the shape [3, 1]; expected (.., 3)"], || draw.forward(x(&[3, 1])));
    panics(&["BatchEnsemble: at least one member is needed, got 0"], || BatchEnsemble::new(3, 2, 0));
    let (negative, copy) =
        (["BatchEnsemble: the standard deviation must be finite and not negative, got -1"], ensemble.clone());
    panics(&negative, || copy.normal_factors(-1.0, Key::new(1)));
    ensemble.members[1].output_factors = Point(Tensor::zeros([1]));
    let tape = Tape::new();
    let draw = ensemble.draw(&tape, Key::new(1));
    let x = tape.constant([4, 3], |_| 1.0);
    panics(&["BatchEnsemble: member 1 has input factors of shape [3], output factors [1]"], || draw.forward(x));
}
