//! `#[prior(..)]` on a `Vec` of numbers.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    #[prior(Normal(0.0, 1.0))]
    weight: Vec<f64>,
}

fn main() {}
