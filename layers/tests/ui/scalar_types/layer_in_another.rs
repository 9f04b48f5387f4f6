//! A layer in `f64` in a model in `f32`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    second: Dense<MeanField<f64>>,
}

fn main() {}
