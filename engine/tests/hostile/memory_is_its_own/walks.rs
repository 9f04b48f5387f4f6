//! Models whose walks or tensors change, and gradients that belong to another model.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::overwrite;
use crate::common::panics;
use elbo_engine::{Gradients, Order, Parameters, Path, Role, Tape, Tensor, Visitor, VisitorMut};

/// A weight and a buffer.
struct Running {
    weight: Tensor<f64>,
    mean: Tensor<f64>,
}

impl Parameters for Running {
    type Scalar = f64;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, f64>) {
        f(&path.at("weight"), Role::Point, &self.weight);
        f(&path.at("mean"), Role::Buffer, &self.mean);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, f64>) {
        f(&path.at("weight"), Role::Point, &mut self.weight);
        f(&path.at("mean"), Role::Buffer, &mut self.mean);
    }
}

#[test]
fn a_buffer_cannot_be_used_as_a_parameter() {
    let model = Running { weight: Tensor::full([2], 3.0), mean: Tensor::zeros([2]) };
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    let loss = tape.param(&model.mean).sum();
    panics(&["backward", "`mean` is a buffer", "tape.input"], || loss.backward(&mut gradients));
}

#[test]
fn a_parameter_that_has_grown_is_rejected() {
    let mut w = Tensor::<f64>::full([64], 2.0);
    w.resize_rows(8);
    let mut gradients = Gradients::of(&w);
    w.resize_rows(64);
    let tape = Tape::new();
    let loss = tape.param(&w).sum();
    panics(&["backward", "``", "[64]", "[8]", "Gradients::of(&model)"], || loss.backward(&mut gradients));
}

#[test]
fn swapped_tensors_do_not_get_each_others_gradients() {
    let mut model = vec![Tensor::<f64>::full([2], 1.0), Tensor::full([2], 5.0), Tensor::full([2], 7.0)];
    let mut gradients = Gradients::of(&model);
    model.swap(0, 2);
    {
        let tape = Tape::new();
        tape.note_order(&model);
        let loss = (tape.param(&model[0]).square() + tape.param(&model[1]) + tape.param(&model[2])).sum();
        panics(&["backward", "`1` now comes after `2`", "Gradients::of(&model)"], || loss.backward(&mut gradients));
        let tape = Tape::new();
        let loss = (tape.param(&model[0]).square() + tape.param(&model[1]) + tape.param(&model[2])).sum();
        loss.backward(&mut gradients);
    }
    let before = model.clone();
    panics(&["step", "`1` now comes after `2`", "Gradients::of(&model)"], || {
        gradients.step(&mut model, |_, w, g| w.swap_with_slice(g));
    });
    assert!(model == before);
    // A moved or copied model has the same structure.
    let model = before;
    let mut gradients = Gradients::of(&model);
    (0..2).for_each(|_| {
        let tape = Tape::new();
        tape.note_order(&model);
        model.iter().map(|w| tape.param(w).sum()).reduce(|a, b| a + b).unwrap().backward(&mut gradients);
    });
    let mut copy = model.clone();
    gradients.step(&mut copy, |_, w, g| w.swap_with_slice(g));
    assert!(copy.iter().all(|w| w.data() == [2.0; 2]));
}

/// Two tensors, and how `visit_mut` deviates from `visit`.
struct Walks {
    tensors: [Tensor<f64>; 2],
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Reversed,
    Fewer,
    More,
    Twice,
    Resized,
    OtherRole,
    OtherTensor,
}

impl Parameters for Walks {
    type Scalar = f64;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, f64>) {
        self.tensors.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, f64>) {
        let [a, b] = &mut self.tensors;
        let (first, second) = (path.index(0), path.index(1));
        match self.how {
            How::Reversed => {
                f(&second, Role::Point, b);
                f(&first, Role::Point, a);
            }
            How::Fewer => f(&first, Role::Point, a),
            How::More => {
                f(&first, Role::Point, a);
                f(&second, Role::Point, b);
                f(&second, Role::Point, &mut Tensor::zeros([2]));
            }
            How::Twice => {
                f(&first, Role::Point, a);
                f(&first, Role::Point, a);
            }
            How::Resized => {
                f(&first, Role::Point, a);
                b.resize_rows(1);
                f(&second, Role::Point, b);
            }
            How::OtherRole => {
                f(&first, Role::Point, a);
                f(&second, Role::Buffer, b);
            }
            How::OtherTensor => {
                f(&first, Role::Point, a);
                f(&second, Role::Point, &mut Tensor::zeros(b.shape()));
            }
        }
    }
}

#[test]
fn walks_that_disagree_are_found_before_anything_changes() {
    use How::*;
    for how in [Reversed, Fewer, More, Twice, Resized, OtherRole, OtherTensor] {
        for len in [2, 1000] {
            let new = || Walks { tensors: [Tensor::full([2], 1.0), Tensor::full([len], 5.0)], how };
            let mut model = new();
            let mut gradients = Gradients::of(&model);
            {
                let tape = Tape::new();
                let [a, b] = model.tensors.each_ref().map(|w| tape.param(w));
                (a.square().sum() + b.sum()).backward(&mut gradients);
            }
            let mut calls = 0;
            panics(&["`Parameters::visit_mut` of", "Walks", "`Parameters::visit`"], || {
                gradients.step(&mut model, |_, w, g| {
                    calls += 1;
                    w.swap_with_slice(g);
                });
            });
            assert_eq!(calls, 0, "{how:?}");
            assert_eq!((model.tensors[0].data(), model.tensors[1].data()[0]), (&[1.0; 2][..], 5.0), "{how:?}");
            let mut model = new();
            panics(&["`Parameters::visit_mut` of"], || Order::of(&model).each_mut(&mut model, |_, _, _| ()));
        }
    }
}

#[test]
fn a_step_that_panics_midway_cannot_be_undone() {
    let mut model = [Tensor::<f64>::full([2], 1.0), Tensor::full([2], 5.0)];
    let mut gradients = Gradients::of(&model);
    {
        let tape = Tape::new();
        (tape.param(&model[0]) * tape.param(&model[1])).sum().backward(&mut gradients);
    }
    let step = |index, w: &mut [f64], g: &mut [f64]| {
        assert!(index == 0, "the second fails");
        w.swap_with_slice(g);
    };
    assert!(catch_unwind(AssertUnwindSafe(|| gradients.step(&mut model, step))).is_err());
    panics(&["Gradients", "incomplete", "clear()"], || gradients.undo(&mut model));
}

/// Visits its tensor under two names.
struct Shared(Tensor<f64>);

impl Parameters for Shared {
    type Scalar = f64;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, f64>) {
        f(&path.at("a"), Role::Point, &self.0);
        f(&path.at("b"), Role::Point, &self.0);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, f64>) {
        f(&path.at("a"), Role::Point, &mut self.0);
        f(&path.at("b"), Role::Point, &mut self.0);
    }
}

#[test]
fn a_tensor_that_is_visited_twice_is_rejected() {
    let model = Shared(Tensor::full([2], 3.0));
    panics(&["Parameters", "`a` and as `b`"], || Gradients::of(&model));
}

#[test]
fn a_buffer_update_keeps_the_value_of_a_dropped_leaf() {
    let model = Running { weight: Tensor::full([1], 3.0), mean: Tensor::zeros([500]) };
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    {
        let x = Tensor::from_fn([500], |i| i as f64);
        tape.update(&model.mean, tape.input(&x).reshape([5, 100]).reshape([500]).stop_gradient());
    }
    let _others = overwrite(500);
    tape.param(&model.weight).sum().backward(&mut gradients);
    assert!(gradients.get("mean").unwrap().iter().enumerate().all(|(i, &x)| x == i as f64));
}
