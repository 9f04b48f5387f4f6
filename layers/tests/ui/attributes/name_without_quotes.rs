//! A `#[name(..)]` that is not a string literal.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[name(hidden)]
    layer: Dense,
}

fn main() {}
