//! A tuple of a layer and a plain value.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    pair: (Dense, std::time::Duration),
}

fn main() {}
