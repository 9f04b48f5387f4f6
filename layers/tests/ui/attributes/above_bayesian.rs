//! An attribute of a field stands at a field, and below `#[bayesian]` at that.
use elbo::prelude::*;

#[skip]
#[bayesian]
struct Network {
    layer: Dense,
}

fn main() {}
