//! A tensor says not whether it is learned.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    scale: Tensor,
}

fn main() {}
