//! A `#[name(..)]` that another field already has.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    #[name("first")]
    second: Dense,
}

fn main() {}
