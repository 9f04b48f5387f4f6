//! `#[name(..)]` on a field with `#[skip]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    #[name("size")]
    #[skip]
    width: usize,
}

fn main() {}
