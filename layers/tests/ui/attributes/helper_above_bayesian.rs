//! A helper attribute such as `#[skip]` on the struct, above `#[bayesian]`.
use elbo::prelude::*;

#[skip]
#[bayesian]
struct Network {
    layer: Dense,
}

fn main() {}
