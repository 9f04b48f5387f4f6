//! A `Vec` of numbers without `#[skip]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    temperatures: Vec<f64>,
}

fn main() {}
