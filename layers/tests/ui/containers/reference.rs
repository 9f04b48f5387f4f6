//! A model owns its layers.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    tied: &'static Dense,
}

fn main() {}
