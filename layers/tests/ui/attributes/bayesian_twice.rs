//! Once is enough.
use elbo::prelude::*;

#[bayesian]
#[bayesian]
struct Network {
    layer: Dense,
}

fn main() {}
