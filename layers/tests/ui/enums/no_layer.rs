//! An enum without a layer is a setting.
use elbo::prelude::*;

#[bayesian]
enum Activation {
    Relu,
    Tanh,
}

fn main() {}
