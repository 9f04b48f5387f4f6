//! `Normal` with one argument in place of two.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(1.0))]
    weight: MeanField,
}

fn main() {}
