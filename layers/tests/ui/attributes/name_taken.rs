//! A parameter's name is its address in a checkpoint, and the place of its noise.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    #[name("first")]
    second: Dense,
}

fn main() {}
