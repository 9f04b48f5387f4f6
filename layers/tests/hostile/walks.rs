//! Models whose `visit` and `visit_mut` disagree or whose shapes changed: optimisers refuse them and change nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use elbo::engine::{Visitor, VisitorMut};
use elbo::prelude::*;
use elbo::{Gradients, Optimizer, Parameters, Path, Role, Sgd};

/// Runs `mistake`, which must panic with a message that contains all `words`.
#[track_caller]
fn panics<R>(words: &[&str], mistake: impl FnOnce() -> R) {
    let payload = catch_unwind(AssertUnwindSafe(mistake)).err().expect("a panic");
    let message = payload.downcast_ref::<String>().expect("a message with values in it");
    words.iter().for_each(|word| assert!(message.contains(word), "`{message}` does not say `{word}`"));
}

/// Two tensors, which `visit_mut` visits in the opposite order, with these roles.
struct Reversed {
    tensors: [Tensor; 2],
    roles: [Role; 2],
}

impl Parameters for Reversed {
    type Scalar = f32;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, f32>) {
        f(&path.at("first"), Role::Point, &self.tensors[0]);
        f(&path.at("second"), Role::Point, &self.tensors[1]);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, f32>) {
        f(&path.at("second"), self.roles[1], &mut self.tensors[1]);
        f(&path.at("first"), self.roles[0], &mut self.tensors[0]);
    }
}

/// Checks that a step of `optimizer` on a model of two tensors of these lengths is refused.
fn refuses(mut optimizer: impl Optimizer, lengths: [usize; 2], roles: [Role; 2]) {
    let mut model = Reversed { tensors: lengths.map(|len| Tensor::full([len], 1.0)), roles };
    let mut gradients = Gradients::of(&model);
    {
        let tape = Tape::new();
        let [a, b] = model.tensors.each_ref().map(|tensor| tape.param(tensor).square().sum());
        (a + b * 3.0).backward(&mut gradients);
    }
    panics(&["`Parameters::visit_mut` of", "visits `second`", "`Parameters::visit` visits `first`"], || {
        optimizer.step(&mut model, &mut gradients)
    });
    assert!(model.tensors.iter().flat_map(|tensor| tensor.data()).all(|&x| x == 1.0));
}

#[test]
fn an_optimiser_refuses_a_model_whose_walks_disagree() {
    for lengths in [[2, 2], [2, 100_000], [100_000, 2], [1, 0]] {
        for roles in [[Role::Point; 2], [Role::Buffer; 2], [Role::Point, Role::Buffer]] {
            refuses(Adam::new(0.1), lengths, roles);
            refuses(Sgd::new(0.1).momentum(0.9), lengths, roles);
        }
    }
}

fn layers() -> Vec<Dense> {
    (0..3).map(|_| Dense::new(4, 4)).collect()
}

fn sweep(model: &[Dense], x: &Tensor, gradients: &mut Gradients) {
    let tape = Tape::new();
    let net: Vec<_> = model.iter().map(|layer| layer.draw(&tape, Key::new(1))).collect();
    net.iter().fold(tape.input(x), |x, layer| layer.forward(x).tanh()).square().sum().backward(gradients);
}

#[test]
fn layers_that_were_swapped_do_not_get_each_others_gradients() {
    let (x, mut model) = (Tensor::full([1, 4], 0.5), layers());
    let mut gradients = Gradients::of(&model);
    model.swap(0, 2);
    // As one model, a vector has a fixed order, so the gradients notice.
    let words = ["these gradients belong to another model", "now comes after", "Gradients::of(&model)"];
    {
        let tape = Tape::new();
        let net = model.draw(&tape, Key::new(1));
        let loss = net.iter().fold(tape.input(&x), |x, layer| layer.forward(x).tanh()).square().sum();
        panics(&words, || loss.backward(&mut gradients));
    }
    // Layer by layer they do not, but the optimiser does.
    sweep(&model, &x, &mut gradients);
    let before: Vec<Tensor> = model.iter().map(|layer| layer.weight.mean.clone()).collect();
    panics(&words, || Adam::new(0.1).step(&mut model, &mut gradients));
    assert!(model.iter().zip(&before).all(|(layer, before)| layer.weight.mean == *before));
}

#[test]
fn a_model_that_moves_keeps_its_gradients() {
    let (x, mut model) = (Tensor::full([1, 4], 0.5), layers());
    let mut gradients = Gradients::of(&model);
    let mut adam = Adam::new(0.1);
    for _ in 0..3 {
        sweep(&model, &x, &mut gradients);
        let before = model[0].weight.mean.clone();
        adam.step(&mut model, &mut gradients);
        assert_ne!(model[0].weight.mean, before);
        // The vector was moved; the layers' tensors were not.
        model = model.into_iter().collect::<Vec<_>>();
        model.reserve(100);
    }
}

#[test]
fn a_weight_that_has_grown_is_refused() {
    let mut model = Dense::new(4, 8);
    for tensor in [&mut model.weight.mean, &mut model.weight.rho] {
        tensor.resize_rows(2);
    }
    let mut gradients = Gradients::of(&model);
    for tensor in [&mut model.weight.mean, &mut model.weight.rho] {
        tensor.resize_rows(8);
    }
    let (x, tape) = (Tensor::full([1, 4], 0.5), Tape::new());
    let loss = model.draw(&tape, Key::new(1)).forward(tape.input(&x)).sum();
    panics(&["backward", "`weight.mean`", "[8, 4]", "[2, 4]"], || loss.backward(&mut gradients));
}
