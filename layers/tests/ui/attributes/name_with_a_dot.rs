//! A dot parts the names of a path.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[name("layers.0")]
    layer: Dense,
}

fn main() {}
