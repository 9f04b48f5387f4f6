//! What is skipped has no divergence.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    #[skip]
    #[kl(monte_carlo)]
    width: usize,
}

fn main() {}
