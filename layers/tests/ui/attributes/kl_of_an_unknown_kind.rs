//! There is one other way to find a divergence.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    #[kl(montecarlo)]
    weight: MeanField,
}

fn main() {}
