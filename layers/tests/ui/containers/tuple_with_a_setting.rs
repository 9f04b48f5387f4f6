//! A tuple of models is a model.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    pair: (Dense, std::time::Duration),
}

fn main() {}
