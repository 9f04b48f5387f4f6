//! Where the library is has to be said.
use elbo::prelude::*;

#[bayesian(crate)]
struct Network {
    layer: Dense,
}

fn main() {}
