//! A name is text.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[name(hidden)]
    layer: Dense,
}

fn main() {}
