//! `#[kl]` without an option.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    #[kl]
    weight: MeanField,
}

fn main() {}
