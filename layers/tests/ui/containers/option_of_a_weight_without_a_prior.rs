//! An `Option` of a posterior family without a prior.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    bias: Option<MeanField>,
}

fn main() {}
