//! An enum whose variants hold no layer.
use elbo::prelude::*;

#[bayesian]
enum Activation {
    Relu,
    Tanh,
}

fn main() {}
