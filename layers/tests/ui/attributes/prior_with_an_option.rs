//! A second argument after the expression in `#[prior(..)]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0), trainable)]
    weight: MeanField,
}

fn main() {}
