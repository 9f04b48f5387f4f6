//! A field is skipped or not.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    #[skip(checkpoint)]
    width: usize,
}

fn main() {}
