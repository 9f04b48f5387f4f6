//! An array of plain values without `#[skip]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    sizes: [usize; 3],
}

fn main() {}
