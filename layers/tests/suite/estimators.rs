//! Properties of the estimators beside their values, which `elbo_reference` checks.

use crate::common::{classifier, examples};
use elbo::prelude::*;

const ESTIMATORS: [Estimator; 3] = [Estimator::Sample, Estimator::Local, Estimator::Flipout];

#[test]
fn the_divergence_is_the_same_before_and_after_the_forward() {
    let model = classifier(5, 8, 3);
    let (x, _) = examples(7, 5, 3);
    for estimator in ESTIMATORS {
        for draws in [1, 4] {
            let drawing = || Drawing::new(Key::new(1)).estimator(estimator).draws(draws);
            let tape = Tape::new();
            let net = model.draw(&tape, drawing());
            let before = net.kl().nats();
            net.forward(tape.input(&x));
            let tape = Tape::new();
            let other = model.draw(&tape, drawing());
            other.forward(tape.input(&x));
            assert_eq!((net.kl().nats(), other.kl().nats()), (before, before), "{estimator:?}, {draws} draws");
            assert!((before - model.kl()).abs() < 1e-6 * before);
        }
    }
}

#[test]
fn draws_at_once_are_the_draws_one_by_one() {
    let model = classifier(5, 8, 3);
    let (x, labels) = examples(7, 5, 3);
    const DRAWS: usize = 3;
    for estimator in ESTIMATORS {
        let key = Key::new(2).draw(5);
        let drawing = |key| Drawing::new(key).estimator(estimator);
        let tape = Tape::new();
        let net = model.draw(&tape, drawing(key).draws(DRAWS));
        let nll = Categorical.nll(net.forward(tape.input(&x)), &labels);
        let loss = Objective::new(50).loss(nll, net.kl(), 0);
        let mut together = Gradients::of(&model);
        loss.backward(&mut together);

        let mut one_by_one = Gradients::of(&model);
        let mut mean = 0.0;
        for i in 0..DRAWS {
            let tape = Tape::new();
            let net = model.draw(&tape, drawing(key.draw(5 + i)));
            let nll = Categorical.nll(net.forward(tape.input(&x)), &labels);
            assert_eq!(nll.var().value(), &loss.nll().var().value()[i..=i], "{estimator:?}");
            let loss = Objective::new(50).loss(nll, net.kl(), 0);
            loss.backward(&mut one_by_one);
            mean += loss.value() / DRAWS as f64;
        }
        assert!((mean - loss.value()).abs() < 1e-6 * mean, "{estimator:?}: {mean} {}", loss.value());
        // Means and scales of weights and biases of three layers.
        assert_eq!([together.iter().count(), one_by_one.iter().count()], [12; 2]);
        for ((name, _, a), (_, _, b)) in together.iter().zip(one_by_one.iter()) {
            let largest = a.iter().fold(0.0f32, |largest, g| largest.max(g.abs()));
            let same = a.iter().zip(b).all(|(a, b)| (a - b / DRAWS as f32).abs() <= 1e-5 * largest + 1e-9);
            assert!(same && a.len() == b.len() && largest > 0.0, "{estimator:?}, {name}: {a:?}");
        }
    }
}

#[test]
fn an_antithetic_pair_is_symmetric_about_the_mean() {
    let model = classifier(5, 8, 3);
    let tape = Tape::new();
    let net = model.draw(&tape, Drawing::new(Key::new(3)).antithetic_pairs(2));
    let weight = net.hidden[0].weight.value();
    let (pairs, mean) = (weight.chunks(2 * 40), model.hidden[0].weight.mean.data());
    let mut seen = Vec::new();
    for pair in pairs {
        let (first, second) = pair.split_at(40);
        for ((a, b), m) in first.iter().zip(second).zip(mean) {
            assert!(((a + b) / 2.0 - m).abs() < 1e-6);
        }
        seen.push(first.to_vec());
    }
    assert_eq!(seen.len(), 2);
    assert_ne!(seen[0], seen[1]);
    let (x, _) = examples(7, 5, 3);
    let signed = model.draw(&tape, Drawing::new(Key::new(3)).estimator(Estimator::Flipout).antithetic_pairs(1));
    let y = signed.hidden[0].forward(tape.input(&x)).value();
    let mean = model.mean(&tape).hidden[0].forward(tape.input(&x)).value();
    for ((a, b), m) in y[..56].iter().zip(&y[56..]).zip(mean) {
        assert!(((a + b) / 2.0 - m).abs() < 1e-5);
    }
}

/// One layer, used for every step of a sequence.
#[bayesian]
struct Twice {
    layer: Dense,
}

#[bayesian]
impl Twice {
    fn forward(&self, x: Var) -> Var {
        self.layer.forward(self.layer.forward(x))
    }
}

#[test]
fn flipout_signs_depend_only_on_the_example() {
    let model = Twice { layer: Dense::new(4, 4) };
    let (x, _) = examples(6, 4, 2);
    let tape = Tape::new();
    let net = model.draw(&tape, Drawing::new(Key::new(4)).estimator(Estimator::Flipout));
    let x = tape.input(&x);
    let (once, again) = (net.layer.forward(x), net.layer.forward(x));
    assert_eq!(once.value(), again.value());
    // Positions of an example share its weight.
    let positions = net.layer.forward(x.reshape([3, 2, 4]));
    let first = net.layer.forward(x.reshape([3, 8]).matmul(tape.constant([8, 4], |i| f32::from(i / 4 == i % 4))));
    for example in 0..3 {
        assert_eq!(positions.value()[example * 8..][..4], first.value()[example * 4..][..4]);
    }
    let shared = model.draw(&tape, Key::new(4)).layer.forward(x);
    assert_ne!(once.value(), shared.value());
    let _ = net.forward(x);
}

#[test]
#[should_panic(expected = "local reparameterisation of `layer.weight`: it is used twice in this draw")]
fn a_locally_reparameterised_weight_is_used_once() {
    let model = Twice { layer: Dense::new(4, 4) };
    let tape = Tape::new();
    let net = model.draw(&tape, Drawing::new(Key::new(5)).estimator(Estimator::Local));
    net.forward(tape.constant([1, 4], |_| 1.0));
}

#[test]
#[should_panic(expected = "local reparameterisation of `hidden.1.weight`: it is used twice in this draw")]
fn sampling_a_locally_reparameterised_weight_counts_as_a_use() {
    let model = classifier(5, 8, 3);
    let (x, _) = examples(2, 5, 3);
    let tape = Tape::new();
    let net = model.draw(&tape, Drawing::new(Key::new(5)).estimator(Estimator::Local));
    net.forward(tape.input(&x));
    let _ = net.hidden[1].weight.square();
}

#[test]
fn a_weight_may_have_another_estimator_than_the_rest() {
    let model = Twice { layer: Dense::new(4, 4) };
    let tape = Tape::new();
    let estimators = Estimators::all(Estimator::Local).set("layer", Estimator::Sample);
    let net = model.draw(&tape, Drawing::new(Key::new(5)).estimators(&estimators));
    let plain = model.draw(&tape, Key::new(5));
    let x = tape.constant([1, 4], |i| i as f32);
    assert_eq!(net.forward(x).value(), plain.forward(x).value());

    let model = classifier(5, 8, 3);
    let estimators = Estimators::all(Estimator::Sample).set("hidden.0.weight", Estimator::Flipout);
    let key = Key::new(6);
    let net = model.draw(&tape, Drawing::new(key).estimators(&estimators));
    let flipped = model.draw(&tape, Drawing::new(key).estimator(Estimator::Flipout));
    let plain = model.draw(&tape, key);
    let inputs = [5, 8].map(|features| tape.constant([2, features], |i| i as f32));
    for (i, expected) in [flipped, plain].iter().enumerate() {
        assert_eq!(net.hidden[i].forward(inputs[i]).value(), expected.hidden[i].forward(inputs[i]).value());
    }
    assert_ne!(flipped.hidden[0].forward(inputs[0]).value(), plain.hidden[0].forward(inputs[0]).value());
}

#[test]
#[should_panic(
    expected = "draw: an estimator is set for `hidden.7`, but the model has no random weight or part of that name; its \
                weights are `hidden.0.weight`"
)]
fn an_estimator_for_an_unknown_name_is_refused() {
    let model = crate::common::classifier(3, 4, 2);
    let estimators =
        Estimators::all(Estimator::Sample).set("head.weight", Estimator::Local).set("hidden.7", Estimator::Local);
    let tape = Tape::new();
    model.draw(&tape, Drawing::new(Key::new(1)).estimators(&estimators));
}

#[test]
fn names_apply_whatever_the_key() {
    let model = crate::common::classifier(3, 4, 2);
    let (x, _) = crate::common::examples(6, 3, 2);
    let estimators = Estimators::all(Estimator::Sample).set("hidden", Estimator::Flipout);
    for key in [Key::new(1), Key::new(1).at("elsewhere").index(3)] {
        let outputs = |drawing: Drawing| {
            let tape = Tape::inference();
            model.draw(&tape, drawing).forward(tape.input(&x)).value().to_vec()
        };
        let named = outputs(Drawing::new(key).estimators(&estimators));
        assert_ne!(named, outputs(Drawing::new(key)), "{key:?}");
        assert_ne!(named, outputs(Drawing::new(key).estimator(Estimator::Flipout)), "{key:?}");
    }
}

#[test]
#[should_panic(
    expected = "draw: an estimator is set for `head.weight.mean`, but the model has no random weight or part of that \
                name"
)]
fn the_name_of_a_weights_parameter_is_refused() {
    let model = crate::common::classifier(3, 4, 2);
    let estimators = Estimators::all(Estimator::Sample).set("head.weight.mean", Estimator::Local);
    let tape = Tape::new();
    model.draw(&tape, Drawing::new(Key::new(1)).estimators(&estimators));
}
