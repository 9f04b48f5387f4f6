//! `#[skip(..)]` with an option.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    #[skip(checkpoint)]
    width: usize,
}

fn main() {}
