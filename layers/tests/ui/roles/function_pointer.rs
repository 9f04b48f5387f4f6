//! A function pointer without `#[skip]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    activation: fn(f64) -> f64,
}

fn main() {}
