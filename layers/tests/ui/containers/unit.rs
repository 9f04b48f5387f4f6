//! A field of the unit type `()` without `#[skip]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    nothing: (),
}

fn main() {}
