//! A layer's weights have their own priors, and their own divergences.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[kl(monte_carlo)]
    layer: Dense,
}

fn main() {}
