//! Hygiene in another crate: no prelude, elbo under another name, and names that clash with those in generated code.
#![no_implicit_prelude]
#![allow(dead_code, non_camel_case_types, reason = "the names are there to clash")]

use ::bayes::Forward as _;
use ::bayes::prelude::{Dense, bayesian};
use ::outside::{Gumbel, Isotropic, Smooth};

struct Option;
struct Vec;
struct Box;
struct Result;
struct String;
struct PhantomData;
struct Path;
struct Weight;
struct f32;
struct f64;
struct usize;
trait Bayesian {}
trait Clone {}
trait Copy {}
trait Divergence {}
trait Drawn {}
trait Forward {}
trait Parameters {}
trait Posterior {}
mod elbo {}
mod bayes {}
mod core {}
mod std {}
mod hidden {}
mod engine {}
fn path(scale: ::core::primitive::f64) -> Gumbel {
    Gumbel(scale)
}

/// A model whose fields and prior functions have the names of variables in generated code.
#[bayesian]
struct Model {
    #[prior(path(1.0))]
    path: Isotropic,
    cx: Smooth<Isotropic, Gumbel>,
    f: Dense<Isotropic, Gumbel>,
    prior: Dense,
    #[skip]
    tape: ::core::primitive::bool,
}

#[bayesian]
impl Model {
    fn forward(&self, x: ::bayes::Var) -> ::bayes::Var {
        let x = self.f.forward(self.cx.forward(x)) * self.path;
        if *self.tape { self.prior.forward(x) } else { x }
    }
}

/// An enum that holds a layer.
#[bayesian]
enum Choice<M: ::bayes::Layer<Scalar = ::core::primitive::f32>> {
    One(M),
    Two { cx: M, path: M },
}

#[bayesian]
impl<M: ::bayes::Layer<Scalar = ::core::primitive::f32>> Choice<M> {
    fn forward(&self, x: ::bayes::Var) -> ::bayes::Var {
        match self {
            Self::One(layer) => layer.forward(x),
            Self::Two { cx, path } => path.forward(cx.forward(x)),
        }
    }
}

fn model(tape: ::core::primitive::bool) -> Model {
    let f = Dense { weight: Isotropic::new([3, 3], 0.1), bias: Isotropic::new([3], 0.1), prior: Gumbel(1.0) };
    Model { path: Isotropic::new([3], 0.1), cx: Smooth::new(3, 3, Gumbel(1.0)), f, prior: Dense::new(3, 2), tape }
}

#[::core::prelude::v1::test]
fn a_model_among_clashing_names_has_a_divergence_and_a_forward() {
    let choice = Choice::Two { cx: model(false), path: model(true) };
    ::core::assert!(::bayes::Bayesian::kl(&choice) > 0.0);
    let (tape, x) = (::bayes::Tape::new(), ::bayes::Tensor::full([4, 3], 0.5));
    let draw = ::bayes::Bayesian::draw(&choice, &tape, ::bayes::Key::new(1));
    ::core::assert_eq!(draw.forward(tape.input(&x)).shape(), [4, 2]);
    ::core::assert!(::bayes::Drawn::kl(&draw).nats() > 0.0);
}
