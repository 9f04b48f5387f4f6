//! A prior is one expression; whether it is learned is said otherwise.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0), trainable)]
    weight: MeanField,
}

fn main() {}
