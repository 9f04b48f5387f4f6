//! Nothing is no layer.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    nothing: (),
}

fn main() {}
