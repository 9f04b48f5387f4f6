//! What is skipped has no parameter.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    #[name("size")]
    #[skip]
    width: usize,
}

fn main() {}
