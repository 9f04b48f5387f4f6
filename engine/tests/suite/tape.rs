//! Recording, reset and memory of a tape, and the search for non-finite values.

use crate::common::Random;
use crate::common::net::{Net, batch, logits, net};
use elbo_engine::kernels::dispatch::{Level, with_level};
use elbo_engine::{Gradients, NonFinite, Origin, Tape, Tensor};

#[test]
fn a_reset_discards_operations_and_keeps_memory() {
    let model = net::<f32>(&[10, 200, 5]);
    let (x, labels) = batch(64, 10, 5);
    let mut gradients = Gradients::of(&model);
    let mut tape = Tape::new();
    let mut capacities = Vec::new();
    for _ in 0..5 {
        tape.reset();
        assert_eq!(tape.operations(), 0);
        logits(&tape, &model, &x).cross_entropy(&labels).backward(&mut gradients);
        assert_eq!(tape.operations(), 3);
        capacities.push(tape.capacity());
    }
    assert!(capacities.iter().all(|&capacity| capacity == capacities[0]), "{capacities:?}");
}

#[test]
fn several_backward_passes_need_no_more_memory_than_one() {
    let model = net::<f32>(&[100, 200, 5]);
    let (x, labels) = batch(64, 100, 5);
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    let loss = logits(&tape, &model, &x).cross_entropy(&labels);
    loss.backward(&mut gradients);
    let held = tape.capacity();
    for _ in 0..100 {
        loss.backward(&mut gradients);
    }
    assert_eq!(tape.capacity(), held);
}

#[test]
fn a_tape_that_does_not_record_gives_the_same_values() {
    let model = net::<f32>(&[10, 20, 5]);
    let (x, _) = batch(30, 10, 5);
    let (recording, silent) = (Tape::new(), Tape::inference());
    let expected = logits(&recording, &model, &x).log_softmax(-1);
    let value = logits(&silent, &model, &x).log_softmax(-1);
    assert_eq!(value.value(), expected.value());
    assert_eq!((recording.operations(), silent.operations()), (3, 0));
}

#[test]
fn operations_on_data_alone_are_not_recorded() {
    let x = Tensor::<f64>::full([3], 2.0);
    let tape = Tape::new();
    let data = tape.input(&x).exp().square();
    assert_eq!(tape.operations(), 0);
    (data * tape.param(&x)).sum();
    assert_eq!(tape.operations(), 2);
}

fn diagnosis(x: f64, w: f64) -> (Option<NonFinite>, u32) {
    let model: Net<f64> = vec![(Tensor::full([2, 3], w), Tensor::full([2], 0.0))];
    let x = Tensor::full([4, 3], x);
    let gradients = Gradients::of(&model);
    let tape = Tape::new();
    let hidden = tape.input(&x).affine(tape.param(&model[0].0), tape.param(&model[0].1));
    let line = line!() + 1;
    let bad = hidden.ln();
    let found = tape.first_non_finite_of(&[bad.sum()], &gradients);
    (found, line)
}

#[test]
fn the_first_non_finite_value_is_found() {
    let (found, line) = diagnosis(1.0, -1.0);
    let found = found.unwrap();
    let Origin::Operation { name, caller } = &found.origin else { panic!("{found:?}") };
    assert_eq!((*name, caller.file(), caller.line()), ("ln", file!(), line));
    assert_eq!(found.parameter.as_deref(), Some("0.0"));
    assert_eq!(&found.shape[..], [4, 2]);
    let text = found.to_string();
    assert!(["`ln`", "`0.0`", &format!("{}:{line}:", file!())].iter().all(|word| text.contains(word)), "{text}");
}

#[test]
fn a_non_finite_parameter_or_input_is_found() {
    let found = diagnosis(1.0, f64::NAN).0.unwrap();
    assert_eq!((&found.origin, found.parameter.as_deref()), (&Origin::Parameter, Some("0.0")));
    let found = diagnosis(f64::INFINITY, 1.0).0.unwrap();
    assert_eq!((&found.origin, found.parameter.as_deref()), (&Origin::Input, None));
    assert_eq!(diagnosis(1.0, 1.0).0, None);
}

/// Gradients of a function that uses most kernels, computed at one SIMD level.
fn gradients_at(level: Level) -> Vec<f64> {
    let mut random = Random::new(11);
    let model = [random.tensor(&[37, 19]), random.tensor(&[19]), random.positive(&[37, 1])];
    let mut gradients = Gradients::of(&model);
    with_level(level, || {
        let tape = Tape::new();
        let [a, row, column] = [&model[0], &model[1], &model[2]].map(|tensor| tape.param(tensor));
        let mixed = (a.tanh() * row + column.ln()) / (row.square() + 1.0) - a.softplus() * column.sqrt();
        let loss = mixed.log_softmax(0).exp().mean() + mixed.log_softmax(1).square().sum() + a.sigmoid().exp().sum();
        loss.backward(&mut gradients);
    });
    gradients.iter().flat_map(|(.., gradient)| gradient.to_vec()).collect()
}

#[test]
fn gradients_are_the_same_at_every_simd_level() {
    let portable = gradients_at(Level::Portable);
    let largest = portable.iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
    assert!(largest > 0.0 && portable.len() == 37 * 19 + 19 + 37);
    for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
        let here = gradients_at(level);
        crate::common::assert_near(&here, &portable, 1e-13 * largest);
    }
}
