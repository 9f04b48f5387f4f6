//! A bare `Tensor` without `#[skip]`, `Point` or `Buffer`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    scale: Tensor,
}

fn main() {}
