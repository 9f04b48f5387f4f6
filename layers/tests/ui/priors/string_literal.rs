//! A string literal as the prior.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior("normal")]
    weight: MeanField,
}

fn main() {}
