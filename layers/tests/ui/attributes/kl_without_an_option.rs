//! How to find the divergence has to be said.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    #[kl]
    weight: MeanField,
}

fn main() {}
