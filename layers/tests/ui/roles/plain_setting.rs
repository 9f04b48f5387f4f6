//! A plain value is no parameter.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    width: usize,
}

fn main() {}
