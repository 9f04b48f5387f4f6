//! A plain value without `#[skip]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    width: usize,
}

fn main() {}
