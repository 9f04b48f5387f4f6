//! A layer as `Box<dyn ..>`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    head: Box<dyn Layer>,
}

fn main() {}
