//! A `#[name(..)]` that begins with a digit, which a parameter path reserves for indices.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[name("0")]
    layer: Dense,
}

fn main() {}
