//! Gradients with repeated values, parameters, roots or backward passes.

use elbo_engine::{Gradients, Tape, Tensor};

use super::agree;
use crate::common::Random;
use crate::common::assert_near;

#[test]
fn a_value_may_be_used_twice() {
    let mut x = Random::new(1).tensor(&[3, 4]);
    agree(&mut x, |tape, x| {
        let x = tape.param(x);
        x * x
    });
    agree(&mut x, |tape, x| {
        let x = tape.param(x);
        x + x
    });
    agree(&mut x, |tape, x| {
        let x = tape.param(x).tanh();
        x.transpose().matmul(x) / x.matmul(x.transpose()).exp().sum()
    });
}

#[test]
fn a_parameter_may_be_on_the_tape_twice() {
    let mut x = Random::new(2).tensor(&[3, 3]);
    agree(&mut x, |tape, x| tape.param(x).matmul(tape.param(x)) * tape.param(x).sigmoid());
}

#[test]
fn backward_passes_accumulate_until_gradients_are_cleared() {
    let x = Random::new(3).tensor(&[5]);
    let mut gradients = Gradients::of(&x);
    let tape = Tape::new();
    let loss = tape.param(&x).exp().sum();
    for passes in 1..4 {
        loss.backward(&mut gradients);
        let expected: Vec<f64> = x.data().iter().map(|x| f64::from(passes) * x.exp()).collect();
        assert_near(gradients.get("").unwrap(), &expected, 1e-13);
    }
    gradients.clear();
    assert!(gradients.get("").is_none());
    loss.backward(&mut gradients);
    assert!((gradients.get("").unwrap()[0] - x.data()[0].exp()).abs() < 1e-14);
}

#[test]
fn two_roots_in_one_backward_pass_give_their_weighted_sum() {
    let model = [Random::new(4).tensor(&[4]), Random::new(5).tensor(&[4])];
    let (mut once, mut apart) = (Gradients::of(&model), Gradients::of(&model));
    let tape = Tape::new();
    let [a, b] = [tape.param(&model[0]), tape.param(&model[1])];
    let first = (a * b).tanh();
    let (first, second) = (first.sum(), (first * a).mean());
    tape.backward(&[(first, 2.0), (second, -0.5)], &mut once);
    (first * 2.0).backward(&mut apart);
    (second * -0.5).backward(&mut apart);
    for name in ["0", "1"] {
        let [once, apart] = [&once, &apart].map(|gradients| gradients.get(name).unwrap());
        assert_near(once, apart, 1e-14);
        assert!(once.iter().all(|&g| g != 0.0), "{name}: {once:?}");
    }
}

#[test]
fn a_root_may_be_given_twice_and_may_be_a_parameter() {
    let x: Tensor<f64> = Tensor::full([], 3.0);
    let mut gradients = Gradients::of(&x);
    let tape = Tape::new();
    let x = tape.param(&x);
    tape.backward(&[(x, 2.0), (x, 0.5), (x * x, 1.0)], &mut gradients);
    assert_eq!(gradients.get("").unwrap(), [8.5]);
}

#[test]
fn an_unused_parameter_has_gradient_zero() {
    let model = [Tensor::full([2], 1.0), Tensor::full([3], 1.0)];
    let mut gradients = Gradients::of(&model);
    let tape: Tape<f64> = Tape::new();
    let [used, _unused] = [tape.param(&model[0]), tape.param(&model[1])];
    used.sum().backward(&mut gradients);
    assert_eq!(gradients.get("1").unwrap(), [0.0; 3]);
}
