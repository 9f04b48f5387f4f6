//! An unknown option in `#[kl(..)]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    #[kl(montecarlo)]
    weight: MeanField,
}

fn main() {}
