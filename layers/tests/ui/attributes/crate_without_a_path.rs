//! `#[bayesian(crate)]` without a path.
use elbo::prelude::*;

#[bayesian(crate)]
struct Network {
    layer: Dense,
}

fn main() {}
