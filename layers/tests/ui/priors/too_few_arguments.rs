//! Mean and standard deviation.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(1.0))]
    weight: MeanField,
}

fn main() {}
