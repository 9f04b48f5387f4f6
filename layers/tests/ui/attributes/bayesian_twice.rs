//! `#[bayesian]` written twice on one struct.
use elbo::prelude::*;

#[bayesian]
#[bayesian]
struct Network {
    layer: Dense,
}

fn main() {}
