//! An optional weight is a weight.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    bias: Option<MeanField>,
}

fn main() {}
