//! Numbers that are learned are a `Point`, and numbers that are saved a `Buffer`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    temperatures: Vec<f64>,
}

fn main() {}
