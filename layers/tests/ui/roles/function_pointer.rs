//! What is called in a forward is a setting.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    activation: fn(f64) -> f64,
}

fn main() {}
