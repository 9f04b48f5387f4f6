//! Recurrent layers and embeddings: parameters, agreement with the engine, estimators over sequences.

use crate::common::assert_near;
use elbo::Shape;
use elbo::engine::Recurrent;
use elbo::nn::{Embedding, Gru, Lstm, Rnn};
use elbo::prelude::*;

fn sequences() -> Tensor<f64> {
    Tensor::from_fn([3, 4, 2], |i| (i as f64 * 0.7).sin())
}

fn mean_field(shape: Shape) -> MeanField<f64> {
    MeanField::with_sd(Tensor::from_fn(shape, |i| (i as f64 * 0.37).cos()), 0.3)
}

fn lstm() -> Lstm<MeanField<f64>> {
    Lstm::of(2, 5, mean_field, Normal(0.0, 1.0))
}

#[test]
fn every_weight_counts_once_and_by_name() {
    let names = |terms: Vec<(String, f64)>| terms.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let expected = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
    let (lstm, gru, rnn) = (Lstm::new(3, 5), Gru::new(3, 5), Rnn::new(3, 5));
    assert_eq!(names(lstm.kl_terms()), expected);
    assert_eq!(names(gru.kl_terms()), expected);
    assert_eq!(names(rnn.kl_terms()), expected);
    // A mean and a scale for each.
    let weights = |gates: usize| 2 * gates * 5 * (3 + 5 + 2);
    assert_eq!(
        [lstm.num_parameters(), gru.num_parameters(), rnn.num_parameters()],
        [weights(4), weights(3), weights(1)]
    );
    assert_eq!(Embedding::new(7, 4).num_parameters(), 2 * 28);
}

#[test]
fn a_layer_agrees_with_the_engines_network_on_its_draw() {
    let (layer, x) = (lstm(), sequences());
    let tape = Tape::new();
    let draw = layer.draw(&tape, Key::new(3));
    let zero = tape.constant([3, 5], |_| 0.0);
    let biases = [draw.bias_ih, draw.bias_hh].map(|bias| bias.map(|bias| *bias.value));
    let (weight_ih, weight_hh) = (*draw.weight_ih, *draw.weight_hh);
    let weights = Recurrent { weight_ih, weight_hh, biases, projection: None, reverse: false };
    let x = tape.input(&x);
    let (expected, ends) = x.lstm(weights, [zero; 2]);
    assert_eq!(draw.forward(x).value(), expected.value());
    let (outputs, [output, cell]) = draw.forward_from(x, [zero; 2]);
    assert_eq!(outputs.value(), expected.value());
    assert_eq!([output.value(), cell.value()], ends.map(Var::value));

    // The second half continues where the first ended.
    let (first, state) = draw.forward_from(x.slice(1, ..2, 1), [zero; 2]);
    let (second, _) = draw.forward_from(x.slice(1, 2.., 1), state);
    let halves = Var::concat(&[first, second], 1);
    assert_near(halves.value(), expected.value(), 1e-14);

    let turned = layer.clone().reversed();
    let turned = turned.draw(&tape, Key::new(3)).forward(x.flip(&[1])).flip(&[1]);
    assert_eq!(turned.value(), expected.value());
}

#[test]
fn flipout_gives_an_example_the_same_weights_at_every_step() {
    // Otherwise the second part would have other weights than within the whole sequence.
    let (layer, x) = (lstm(), sequences());
    let tape = Tape::new();
    let drawing = Drawing::new(Key::new(8)).estimator(Estimator::Flipout);
    let draw = layer.draw(&tape, drawing);
    let x = tape.input(&x);
    let zero = tape.constant([3, 5], |_| 0.0);
    let (whole, _) = draw.forward_from(x, [zero; 2]);
    let (first, state) = draw.forward_from(x.slice(1, ..1, 1), [zero; 2]);
    let (rest, _) = draw.forward_from(x.slice(1, 1.., 1), state);
    let parts = Var::concat(&[first, rest], 1);
    assert_near(parts.value(), whole.value(), 1e-14);
    // Equal examples have different perturbations.
    let same = tape.constant([2, 4, 2], |i| (i % 8) as f64 * 0.1);
    let outputs = draw.forward(same);
    let [one, other] = [0, 1].map(|example| outputs.at(0, example).value());
    assert!(one.iter().zip(other).any(|(a, b)| (a - b).abs() > 1e-3));
}

#[test]
#[should_panic(expected = "local reparameterisation of `weight_hh`: it is used twice in this draw")]
fn local_reparameterisation_over_steps_is_refused() {
    let (layer, x) = (lstm(), sequences());
    let tape = Tape::new();
    layer.draw(&tape, Drawing::new(Key::new(1)).estimator(Estimator::Local)).forward(tape.input(&x));
}

#[test]
fn layers_take_any_posterior_and_prior() {
    let x = sequences();
    let tape = Tape::new();
    let low_rank = Gru::of(2, 3, |shape| LowRank::<f64>::new(shape, 1), Normal(0.0, 0.5));
    assert_eq!(low_rank.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [3, 4, 3]);
    let estimated = Rnn::of(2, 3, mean_field, Normal(0.0, 1.0)).prior(MonteCarlo(Normal(0.0, 1.0)));
    let draw = estimated.draw(&tape, Key::new(1));
    assert_eq!(draw.forward(tape.input(&x)).shape(), [3, 4, 3]);
    assert!(draw.kl().nats().is_finite());
}

#[test]
#[should_panic(expected = "Lstm: got x of shape []")]
fn a_sequence_needs_its_axes() {
    let layer = lstm();
    let tape = Tape::new();
    layer.draw(&tape, Key::new(1)).forward(tape.constant([], |_| 0.0));
}

#[test]
fn a_row_looked_up_twice_is_one_vector_and_counts_twice_in_the_gradient() {
    let words = Embedding::of(5, 2, mean_field, Normal(0.0, 1.0));
    let mut gradients = Gradients::of(&words);
    let tape = Tape::new();
    let draw = words.draw(&tape, Key::new(2));
    let sentence = Tensor::new([1, 3], [4.0, 1.0, 4.0]);
    let looked_up = draw.forward(tape.input(&sentence));
    assert_eq!(looked_up.shape(), [1, 3, 2]);
    assert_eq!(looked_up.value()[..2], looked_up.value()[4..]);
    assert_eq!(draw.rows(&[4, 1, 4]).value(), looked_up.value());
    looked_up.sum().backward(&mut gradients);
    assert_eq!(gradients.get("table.mean").unwrap(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
}

#[test]
#[should_panic(expected = "Embedding: element 1 of x of shape [2] is 0.5; expected whole numbers, the indices of rows")]
fn an_invalid_row_index_is_refused() {
    let words = Embedding::of(5, 2, mean_field, Normal(0.0, 1.0));
    let tape = Tape::new();
    words.draw(&tape, Key::new(2)).forward(tape.constant([2], |i| 0.5 * i as f64));
}
