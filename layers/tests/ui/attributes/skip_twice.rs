//! Once is enough.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    #[skip]
    #[skip]
    width: usize,
}

fn main() {}
