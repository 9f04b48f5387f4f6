//! An array of plain values is a plain value.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    sizes: [usize; 3],
}

fn main() {}
