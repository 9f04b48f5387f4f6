//! A `#[name(..)]` with a dot, which separates the segments of a parameter path.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[name("layers.0")]
    layer: Dense,
}

fn main() {}
