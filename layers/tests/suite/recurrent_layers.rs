//! Recurrent layers of every kind: against PyTorch (`reference/recurrent_layers.py`), gradients of scales, divergences, and what
//! holds of each.

use elbo::nn::{Bidirectional, Cell, Dropout, Gru, Lstm, RecurrentNet, Rnn, Stacked};
use elbo::prelude::*;
use elbo::{Estimators, Path, Shape, Yes};
use serde_json::Value;

use crate::common::{Reference, assert_near};

use crate::common::panics::panics;

fn prior() -> Normal {
    Normal(0.0, 1.0)
}

fn point(shape: Shape) -> Point<f64> {
    Point::new(shape)
}

/// A state as a list.
trait Parts<'t>: Copy {
    fn of(parts: &[Var<'t, f64>]) -> Self;
    fn parts(self) -> Vec<Var<'t, f64>>;
}

impl<'t> Parts<'t> for Var<'t, f64> {
    fn of(parts: &[Var<'t, f64>]) -> Self {
        parts[0]
    }

    fn parts(self) -> Vec<Var<'t, f64>> {
        vec![self]
    }
}

impl<'t> Parts<'t> for [Var<'t, f64>; 2] {
    fn of(parts: &[Var<'t, f64>]) -> Self {
        [parts[0], parts[1]]
    }

    fn parts(self) -> Vec<Var<'t, f64>> {
        self.to_vec()
    }
}

/// The outputs, and each part of the states with the layers as its first axis.
fn joined<'t, S: Parts<'t>>((y, states): (Var<'t, f64>, Vec<S>)) -> Vec<Var<'t, f64>> {
    let parts: Vec<_> = states.iter().map(|state| state.parts()).collect();
    let stacked = (0..parts[0].len()).map(|k| Var::stack(&parts.iter().map(|parts| parts[k]).collect::<Vec<_>>(), 0));
    [y].into_iter().chain(stacked).collect()
}

struct Case<'r> {
    reference: &'r Reference,
    value: &'r Value,
}

impl Case<'_> {
    fn tensor(&self, part: &str, name: &str) -> Tensor<f64> {
        self.reference.tensor(&format!("{}/{part}/{name}", self.value["name"].as_str().unwrap()))
    }

    fn names(&self, part: &str) -> Vec<&str> {
        self.value[part].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
    }

    fn lengths(&self) -> Option<Vec<usize>> {
        serde_json::from_value(self.value["lengths"].clone()).ok()
    }

    /// As many layers as the case has, each made for its number of inputs.
    fn stack<L: elbo::nn::SequenceLayer>(&self, layer: impl Fn(usize) -> L) -> Stacked<L> {
        let projected = self.value["projected"].as_u64().unwrap() as usize;
        let width = if projected > 0 { projected } else { 4 } * if self.value["both"] == true { 2 } else { 1 };
        let layers = self.value["layers"].as_u64().unwrap();
        Stacked::new((0..layers).map(|index| layer(if index == 0 { 2 } else { width })).collect::<Vec<_>>())
    }

    /// Sets PyTorch's weights, and compares the outputs, the final states and all gradients.
    fn compare<M>(&self, mut model: M, forward: impl for<'t> Fn(M::Draw<'t>, &[Var<'t, f64>]) -> Vec<Var<'t, f64>>)
    where
        M: Bayesian + Parameters<Scalar = f64>,
    {
        let name = &self.value["name"];
        let mut names = Vec::new();
        model.visit_mut(&Path::ROOT, &mut |path, _, parameter| {
            let theirs = theirs(&path.to_string());
            let value = self.tensor("weights", &theirs);
            assert_eq!(value.shape(), parameter.shape(), "{name}: {path}");
            *parameter = value;
            names.push((path.to_string(), theirs));
        });
        assert_eq!(names.len(), self.names("weights").len(), "{name}");
        let inputs: Vec<_> = self.names("inputs").iter().map(|key| Point(self.tensor("inputs", key))).collect();
        let both = (model, inputs);
        let mut gradients = Gradients::of(&both);
        let tape = Tape::new();
        let (draw, inputs) = both.draw(&tape, Key::new(1));
        let inputs: Vec<Var<'_, f64>> = inputs.to_vec();
        let mut loss = tape.constant([], |_| 0.0);
        let outputs = forward(draw, &inputs);
        assert_eq!(outputs.len(), self.names("outputs").len());
        for (output, key) in outputs.iter().zip(self.names("outputs")) {
            let (expected, cotangent) = (self.tensor("outputs", key), self.tensor("cotangents", key));
            assert_eq!(output.shape(), expected.shape(), "{name}: {key}");
            assert_near(output.value(), expected.data(), 1e-10);
            loss = loss + (*output * tape.constant(cotangent.shape(), |i| cotangent.data()[i])).sum();
        }
        loss.backward(&mut gradients);
        let agree = |ours: String, theirs: &str| {
            let expected = self.tensor("gradients", theirs);
            println!("{name}: {ours}");
            assert_near(gradients.get(&ours).unwrap(), expected.data(), 1e-10);
        };
        names.iter().for_each(|(ours, theirs)| agree(format!("0.{ours}"), theirs));
        self.names("inputs").iter().enumerate().for_each(|(i, key)| agree(format!("1.{i}"), key));
    }

    fn run<C: Cell>(&self, layer: impl Fn(usize) -> RecurrentNet<C, Point<f64>>)
    where
        for<'t> C::State<'t, f64>: Parts<'t>,
    {
        let lengths = self.lengths();
        if self.value["both"] == true {
            let model = self.stack(|inputs| Bidirectional::new(layer(inputs), layer(inputs)));
            return self.compare(model, |draw, inputs| {
                joined(match &lengths {
                    None => draw.forward_with_states(inputs[0]),
                    Some(lengths) => draw.forward_with_states_padded(inputs[0], lengths),
                })
            });
        }
        self.compare(self.stack(layer), |draw, inputs| {
            let (x, states) = (inputs[0], &inputs[1..]);
            let states: Vec<C::State<'_, f64>> = (0..draw.layers.len() as isize)
                .map(|layer| Parts::of(&states.iter().map(|part| part.at(0, layer)).collect::<Vec<_>>()))
                .collect();
            joined(match &lengths {
                None => draw.forward_from(x, &states),
                Some(lengths) => draw.forward_from_padded(x, lengths, &states),
            })
        });
    }
}

/// PyTorch's name of `layers.1.backward_layer.weight_ih`.
fn theirs(ours: &str) -> String {
    let parts: Vec<_> = ours.split('.').collect();
    match parts[..] {
        ["layers", index, "backward_layer", leaf] => format!("{leaf}_l{index}_reverse"),
        ["layers", index, .., leaf] => format!("{leaf}_l{index}"),
        _ => panic!("{ours}"),
    }
}

fn reference() -> Reference {
    let bytes = include_bytes!("../reference/recurrent_layers.safetensors");
    Reference::new(include_str!("../reference/recurrent_layers.json"), bytes)
}

#[test]
fn layers_agree_with_pytorch() {
    let reference = reference();
    assert_eq!(reference.cases.len(), 36);
    for value in &reference.cases {
        let case = Case { reference: &reference, value };
        let has_bias = value["bias"] == true;
        match value["kind"].as_str().unwrap() {
            "lstm" => case.run(|inputs| {
                let layer = match value["projected"].as_u64().unwrap() as usize {
                    0 => Lstm::of(inputs, 4, point, prior()),
                    outputs => Lstm::projected_of(inputs, 4, outputs, point, prior()),
                };
                if has_bias { layer } else { layer.without_bias() }
            }),
            "gru" => case.run(|inputs| {
                let layer = Gru::of(inputs, 4, point, prior());
                if has_bias { layer } else { layer.without_bias() }
            }),
            _ => case.run(|inputs| {
                let layer = Rnn::of(inputs, 4, point, prior());
                let layer = if has_bias { layer } else { layer.without_bias() };
                if value["relu"] == true { layer.relu() } else { layer }
            }),
        }
    }
}

#[cfg(feature = "files")]
#[test]
fn a_stack_of_pytorch_is_loaded_into_a_stack_or_an_array() {
    use elbo::PyTorch;
    use elbo::engine::io::safetensors::Contents;

    #[bayesian]
    struct Net<L: Bayesian<Scalar = f64>> {
        lstm: L,
    }

    let reference = reference();
    let value = reference.cases.iter().find(|case| case["name"] == "lstm_2_both_projected_padded").unwrap();
    let case = Case { reference: &reference, value };
    let mut contents = Contents::new();
    for name in case.names("weights") {
        contents.tensor(&format!("lstm.{name}"), &case.tensor("weights", name));
    }
    let bytes = contents.into_bytes();
    let layer = |inputs: usize| Lstm::projected_of(inputs, 4, 3, mean_field(0.1), prior());
    let both = |inputs: usize| Bidirectional::new(layer(inputs), layer(inputs));
    let mut stack = Net { lstm: Stacked::new([both(2), both(6)]) };
    let report = PyTorch::new().load_from_bytes(&mut stack, "stack", bytes.clone()).unwrap();
    assert_eq!((report.used.len(), report.unused.len()), (20, 0));
    let mut array = Net { lstm: [both(2), both(6)] };
    PyTorch::new().load_from_bytes(&mut array, "array", bytes).unwrap();
    for layer in 0..2 {
        let (ours, others) = (&stack.lstm.layers[layer], &array.lstm[layer]);
        let suffixes = [
            (&ours.forward_layer, &others.forward_layer, ""),
            (&ours.backward_layer, &others.backward_layer, "_reverse"),
        ];
        for (ours, other, suffix) in suffixes {
            let expected = case.tensor("weights", &format!("weight_hr_l{layer}{suffix}"));
            let means = [ours, other].map(|layer| &layer.weight_hr.as_ref().unwrap().value.mean);
            assert_eq!(means, [&expected; 2]);
            assert_eq!(ours.weight_ih.mean, case.tensor("weights", &format!("weight_ih_l{layer}{suffix}")));
        }
    }
    // What is saved is a list of layers, for both; and it is loaded.
    let saved = PyTorch::new().save_to_bytes(&stack).unwrap();
    let mut again = Net { lstm: Stacked::new([both(2), both(6)]) };
    PyTorch::new().load_from_bytes(&mut again, "saved", saved).unwrap();
    assert_eq!(again.mean_weights(), stack.mean_weights());
}

fn mean_field(sd: f64) -> impl Fn(Shape) -> MeanField<f64> + Copy {
    move |shape| MeanField::with_sd(Tensor::from_fn(shape, |i| 0.5 * (i as f64 * 0.37 + 0.1).cos()), sd)
}

fn sequences(examples: usize, steps: usize) -> Tensor<f64> {
    Tensor::from_fn([examples, steps, 2], |i| (0.7 * i as f64 + 0.2).sin())
}

/// The estimators that recurrent weights allow: those used in every step are sampled under local reparameterisation.
fn allowed<M: Bayesian<Exact = Yes>>(model: &M) -> [Estimators; 3] {
    let mut local = Estimators::all(Estimator::Local);
    for (name, _) in model.kl_terms() {
        if ["weight_hh", "bias_hh", "weight_hr"].iter().any(|leaf| name.ends_with(leaf)) {
            local = local.set(&name, Estimator::Sample);
        }
    }
    [Estimators::all(Estimator::Sample), Estimators::all(Estimator::Flipout), local]
}

#[test]
fn the_gradient_of_an_lstms_scales_agrees_with_differences() {
    let mut layer: Lstm<MeanField<f64>> = Lstm::of(2, 4, mean_field(0.3), prior());
    let x = sequences(3, 6);
    for which in 0..3 {
        let estimators = &allowed(&layer)[which];
        let loss = |layer: &Lstm<MeanField<f64>>, gradients: Option<&mut Gradients<f64>>| {
            let tape = Tape::new();
            let net = layer.draw(&tape, Drawing::new(Key::new(5)).estimators(estimators));
            let y = net.forward(tape.input(&x));
            let loss =
                (y * tape.constant(y.shape(), |i| (i as f64 * 0.61).cos())).sum() + net.kl().var().unwrap() * 0.01;
            if let Some(gradients) = gradients {
                loss.backward(gradients);
            }
            loss.item()
        };
        let mut gradients = Gradients::of(&layer);
        loss(&layer, Some(&mut gradients));
        let mut names = Vec::new();
        layer.visit(&Path::ROOT, &mut |path, _, tensor| names.push((path.to_string(), tensor.len())));
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        for (name, len) in names.iter().filter(|(name, _)| name.ends_with("rho")) {
            found.extend_from_slice(gradients.get(name).unwrap());
            for i in 0..*len {
                let at = |step: f64| {
                    let shift = |layer: &mut Lstm<MeanField<f64>>, by: f64| {
                        layer.visit_mut(&Path::ROOT, &mut |path, _, tensor| {
                            if path.to_string() == *name {
                                tensor.data_mut()[i] += by;
                            }
                        });
                    };
                    let mut moved = layer.clone();
                    shift(&mut moved, step);
                    loss(&moved, None)
                };
                expected.push((at(1e-5) - at(-1e-5)) / 2e-5);
            }
        }
        assert_eq!(found.len(), 16 * (2 + 4 + 2));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let cosine = dot(&found, &expected) / (dot(&found, &found) * dot(&expected, &expected)).sqrt();
        assert!(cosine >= 1.0 - 1e-9, "{cosine}");
        let ratio = dot(&found, &found) / dot(&expected, &expected);
        assert!((ratio - 1.0).abs() < 1e-7, "{ratio}");
        layer = layer.initial_sd(0.2);
    }
}

/// Calls `$check` with the name, and every layer made with a standard deviation.
macro_rules! each_layer {
    ($check:ident) => {{
        $check("Lstm", |sd| Lstm::of(2, 3, mean_field(sd), prior()));
        $check("projected Lstm", |sd| Lstm::projected_of(2, 3, 2, mean_field(sd), prior()));
        $check("Lstm without bias, reversed", |sd| Lstm::of(2, 3, mean_field(sd), prior()).without_bias().reversed());
        $check("Gru", |sd| Gru::of(2, 3, mean_field(sd), prior()));
        $check("Rnn", |sd| Rnn::of(2, 3, mean_field(sd), prior()));
        $check("rectified Rnn", |sd| Rnn::of(2, 3, mean_field(sd), prior()).relu());
        $check("Bidirectional", |sd| {
            let layer = || Gru::of(2, 3, mean_field(sd), prior());
            Bidirectional::new(layer(), layer())
        });
        $check("Stacked", |sd| {
            let layer = |inputs: usize| Lstm::projected_of(inputs, 4, 2, mean_field(sd), prior());
            Stacked::new([layer(2), layer(2)])
        });
    }};
}

fn without_noise_it_is_its_means<M: Layer<Scalar = f64> + Bayesian<Exact = Yes>>(what: &str, layer: impl Fn(f64) -> M) {
    let (layer, x) = (layer(1e-13), sequences(3, 7));
    let tape = Tape::new();
    let x = tape.input(&x);
    let expected = layer.mean(&tape).forward(x);
    for estimators in &allowed(&layer) {
        println!("{what}");
        let draw = layer.draw(&tape, Drawing::new(Key::new(3)).estimators(estimators));
        assert_near(draw.forward(x).value(), expected.value(), 1e-10);
    }
}

#[test]
fn without_noise_a_layer_is_its_means_under_every_estimator() {
    each_layer!(without_noise_it_is_its_means);
}

fn its_divergence_counts_once<M: Layer<Scalar = f64> + Bayesian<Exact = Yes>>(what: &str, layer: impl Fn(f64) -> M) {
    let layer = layer(0.3);
    let expected = layer.kl();
    for estimators in &allowed(&layer) {
        for steps in [1, 6, 29] {
            let (tape, x) = (Tape::new(), sequences(3, steps));
            let net = layer.draw(&tape, Drawing::new(Key::new(3)).estimators(estimators));
            let y = net.forward(tape.input(&x));
            let target = Tensor::zeros(y.at(1, -1).shape());
            let loss = Objective::new(50).loss(Gaussian::new(1.0).nll(y.at(1, -1), &target), net.kl(), 0);
            for found in [net.kl().nats(), loss.kl().nats()] {
                assert!((found - expected).abs() < 1e-9 * expected, "{what}, {steps} steps: {found} and {expected}");
            }
        }
    }
}

#[test]
fn a_divergence_counts_once_whatever_the_number_of_steps() {
    each_layer!(its_divergence_counts_once);
}

fn its_examples_are_independent<M: Layer<Scalar = f64> + Bayesian<Batch = Yes>>(what: &str, layer: impl Fn(f64) -> M) {
    let (layer, x) = (layer(0.3), sequences(5, 7));
    let outputs = |rows: &[usize]| {
        let chosen = Tensor::from_fn([rows.len(), 7, 2], |i| x.data()[rows[i / 14] * 14 + i % 14]);
        let tape = Tape::new();
        layer.draw(&tape, Key::new(4)).forward(tape.input(&chosen)).value().to_vec()
    };
    let all = outputs(&[0, 1, 2, 3, 4]);
    let width = all.len() / 5;
    for rows in [&[3, 0, 4, 1, 2][..], &[2, 4], &[1]] {
        for (found, &row) in outputs(rows).chunks(width).zip(rows) {
            println!("{what}, example {row} of {rows:?}");
            assert_near(found, &all[row * width..][..width], 1e-13);
        }
    }
}

#[test]
fn the_examples_of_a_batch_are_independent() {
    each_layer!(its_examples_are_independent);
}

#[cfg(feature = "files")]
fn it_is_saved<M: Layer<Scalar = f64> + Bayesian>(what: &str, layer: impl Fn(f64) -> M) {
    let mut saved = layer(0.3);
    saved.visit_mut(&Path::ROOT, &mut |_, _, tensor| tensor.data_mut().iter_mut().for_each(|x| *x = x.sin() + 0.1));
    let mut read = layer(0.1);
    read.load_from_bytes(what, saved.save_to_bytes()).unwrap();
    let x = sequences(2, 3);
    let [found, expected] = [&read, &saved].map(|layer| {
        let tape = Tape::new();
        layer.draw(&tape, Key::new(4)).forward(tape.input(&x)).value().to_vec()
    });
    assert_eq!(found, expected, "{what}");
}

#[cfg(feature = "files")]
#[test]
fn layers_are_saved_and_loaded() {
    each_layer!(it_is_saved);
}

fn no_scale_makes_nan<M: Layer<Scalar = f64> + Bayesian<Exact = Yes>>(what: &str, layer: impl Fn(f64) -> M) {
    for rho in [-1e4, -800.0, 0.0, 800.0, 1e4] {
        let mut layer = layer(0.3);
        layer.visit_mut(&Path::ROOT, &mut |path, _, tensor| {
            if path.to_string().ends_with("rho") {
                tensor.data_mut().fill(rho);
            }
        });
        for estimators in &allowed(&layer) {
            let (tape, x) = (Tape::new(), sequences(3, 7));
            let net = layer.draw(&tape, Drawing::new(Key::new(3)).estimators(estimators));
            let y = net.forward(tape.input(&x));
            assert!(!y.value().iter().any(|y| y.is_nan()), "{what}, {rho}");
            // A rectified network multiplies its large weights in every step.
            let loss = if what == "rectified Rnn" { y.at(1, 0).sum() } else { y.sum() };
            let mut gradients = Gradients::of(&layer);
            (loss + net.kl().var().unwrap()).backward(&mut gradients);
            for (name, _, gradient) in gradients.iter() {
                assert!(!gradient.iter().any(|g| g.is_nan()), "{what}, {rho}: {name}");
            }
            assert!(!net.kl().nats().is_nan(), "{what}, {rho}");
        }
    }
}

#[test]
fn no_scale_from_minus_to_plus_ten_thousand_makes_nan() {
    each_layer!(no_scale_makes_nan);
}

#[test]
fn each_bias_is_kept_without_the_other() {
    let tape = Tape::new();
    let x = sequences(3, 4);
    let x = tape.input(&x);
    let lstm = || Lstm::of(2, 3, mean_field(0.3), prior());
    let names = |layer: &Lstm<MeanField<f64>>| layer.kl_terms().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let outputs = |layer: &Lstm<MeanField<f64>>| layer.mean(&tape).forward(x).value().to_vec();
    // Both biases are added to the same sums, so a bias of zeros is as none.
    for which in 0..2 {
        let (mut without, mut zero) = (lstm(), lstm());
        if which == 0 {
            without.bias_ih = None;
            zero.bias_ih.as_mut().unwrap().value.mean = Tensor::zeros([12]);
        } else {
            without.bias_hh = None;
            zero.bias_hh.as_mut().unwrap().value.mean = Tensor::zeros([12]);
        }
        assert_eq!(names(&without), ["weight_ih", "weight_hh", ["bias_hh", "bias_ih"][which]]);
        assert_near(&outputs(&without), &outputs(&zero), 1e-14);
        let none = outputs(&lstm().without_bias());
        assert!(outputs(&without).iter().zip(&none).any(|(a, b)| (a - b).abs() > 1e-3));
    }
}

#[test]
fn dropout_is_between_the_layers_and_only_in_training() {
    let layer = |inputs: usize| Rnn::of(inputs, 40, mean_field(0.1), prior());
    let mut stack = Stacked::new([layer(2), layer(40)]).dropout(0.5);
    let x = sequences(3, 5);
    let tape = Tape::new();
    let net = stack.draw(&tape, Key::new(1));
    let first = net.layers[0].forward(tape.input(&x));
    let dropped = net.dropout.forward(first);
    let zeros = dropped.value().iter().filter(|&&y| y == 0.0).count() as f64 / dropped.len() as f64;
    assert!((zeros - 0.5).abs() < 4.0 * (0.25 / 600.0_f64).sqrt(), "{zeros}");
    let expected = net.layers[1].forward(dropped).value().to_vec();
    // The noise is that of the first call in a draw.
    let other = Tape::new();
    assert_eq!(stack.draw(&other, Key::new(1)).forward(other.input(&x)).value(), expected);
    let prediction = Tape::inference();
    let found = stack.draw(&prediction, Key::new(1)).forward(prediction.input(&x)).value().to_vec();
    stack.dropout = Dropout::new(0.0);
    assert_eq!(stack.draw(&other, Key::new(1)).forward(other.input(&x)).value(), found);
}

#[test]
fn mistakes_are_reported_at_the_callers_line() {
    let tape = Tape::new();
    let (lstm, gru) = (Lstm::of(2, 3, mean_field(0.3), prior()), Gru::of(2, 3, mean_field(0.3), prior()));
    let (draw, projected) = (lstm.draw(&tape, Key::new(1)), Lstm::projected_of(2, 3, 2, mean_field(0.3), prior()));
    let x = tape.constant([4, 5, 2], |i| i as f64);
    let wide = tape.constant([4, 5, 3], |i| i as f64);
    panics(&["Lstm", "[4, 5, 3]", "(examples, steps, 2)"], || draw.forward(wide));
    panics(&["Lstm", "[5, 2]", "(examples, steps, 2)"], || draw.forward(x.at(0, 0)));
    panics(&["lstm", "3 lengths", "4 examples"], || draw.forward_padded(x, &[5, 5, 5]));
    panics(&["lstm", "row 2 is 6", "5 steps"], || draw.forward_padded(x, &[5, 5, 6, 1]));
    let zeros = |width: usize| tape.constant([4, width], |_| 0.0);
    panics(&["lstm", "[4, 2]", "[4, 3]"], || draw.forward_from(x, [zeros(2), zeros(3)]));
    let projected = projected.draw(&tape, Key::new(1));
    panics(&["affine", "[4, 3]", "[12, 2]"], || projected.forward_from(x, [zeros(3), zeros(3)]));
    panics(&["lstm", "[4, 2]", "12 outputs"], || projected.forward_from(x, [zeros(2), zeros(2)]));
    let mut other = gru.clone();
    other.weight_hr = Some(elbo::nn::Bias { value: mean_field(0.3)([2, 3].into()), prior: prior() });
    let other = other.draw(&tape, Key::new(1));
    panics(&["gru", "projection", "only an LSTM"], || other.forward(x));
    let stack = Stacked::new([lstm.clone(), lstm.clone()]);
    let stack = stack.draw(&tape, Key::new(1));
    panics(&["Lstm", "[4, 5, 3]", "(examples, steps, 2)"], || stack.forward(x));
    panics(&["Stacked", "1 initial states", "2 layers"], || stack.forward_from(x, &[[zeros(3); 2]]));
    panics(&["Stacked", "no layers"], || Stacked::<Lstm>::new([]));
    let mut empty = Stacked::new([Lstm::new(3, 2)]);
    empty.layers.clear();
    let tape = Tape::new();
    let (draw, steps) = (empty.draw(&tape, Key::new(1)), tape.constant([2, 4, 3], |_| 1.0));
    panics(&["Stacked: got no layers"], || draw.forward(steps));
    panics(&["Stacked: got no layers"], || draw.forward_with_states(steps));
    panics(&["Stacked: got no layers"], || draw.forward_from(steps, &[]));
    panics(&["Dropout", "[0, 1)", "1.5"], || Stacked::new([Lstm::new(2, 3)]).dropout(1.5));
    panics(&["Lstm", "4 gates", "memory"], || Lstm::new(2, usize::MAX / 2));
}
