//! A number literal as the prior.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(1.0)]
    weight: MeanField,
}

fn main() {}
