//! A model owns what it holds.
use elbo::prelude::*;

#[bayesian]
struct Network<'a> {
    layer: Dense,
    #[skip]
    name: &'a str,
}

fn main() {}
