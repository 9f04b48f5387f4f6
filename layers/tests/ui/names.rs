//! A parameter's name is its address in a checkpoint, and the place of its noise.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    #[name("first")]
    second: Dense,
    #[name("layers.0")]
    third: Dense,
    #[name("fourth")]
    #[skip]
    width: usize,
}

fn main() {}
