//! Hygiene of generated code: it compiles without a prelude, with clashing names, and with elbo under another path.
#![no_implicit_prelude]
#![allow(dead_code, non_camel_case_types)]

use ::elbo::prelude::{Dense, MeanField, Normal, bayesian};

struct Option;
struct Vec;
struct Clone;
struct Copy;
struct String;
struct PhantomData;
struct f32;
struct f64;
trait Bayesian {}
trait Parameters {}
trait Forward {}
mod elbo {}
mod core {}
mod std {}
mod hidden {}

fn path(sd: ::core::primitive::f64) -> Normal {
    Normal(0.0, sd)
}

/// A model whose priors use the names of variables in generated code.
#[bayesian]
pub struct Model<T: ::elbo::Real, M: ::elbo::Bayesian<Scalar = T>> {
    #[prior(path(1.0))]
    f: MeanField<T>,
    cx: M,
    path: Dense<MeanField<T>>,
}

#[bayesian]
impl<T: ::elbo::Real, M: ::elbo::Bayesian<Scalar = T>> Model<T, M> {
    /// Uses all of these names.
    pub fn forward(&self, x: ::elbo::Var<T>) -> ::elbo::Var<T> {
        let _ = self.cx;
        self.path.forward(x) * self.f
    }
}

mod elsewhere {
    pub(crate) mod bayes {
        pub(crate) use ::elbo::*;
    }
}

#[bayesian(crate = elsewhere::bayes)]
struct ByPath {
    layer: Dense,
}

#[bayesian(crate = elsewhere::bayes)]
impl ByPath {
    fn forward(&self, x: ::elbo::Var) -> ::elbo::Var {
        self.layer.forward(x)
    }
}

#[bayesian(crate = "crate::compile_pass_hygiene::elsewhere::bayes")]
enum ByString {
    Layer(Dense),
}

#[::core::prelude::v1::test]
fn a_model_without_a_prelude_has_a_divergence() {
    let layer = Dense::new(2, 2);
    let model = Model { f: MeanField::new([2]), cx: ByPath { layer }, path: Dense::new(2, 2) };
    ::core::assert!(::elbo::Bayesian::kl(&model) > 0.0);
}
