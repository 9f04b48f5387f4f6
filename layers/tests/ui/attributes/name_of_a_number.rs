//! A number is an index in a path.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[name("0")]
    layer: Dense,
}

fn main() {}
