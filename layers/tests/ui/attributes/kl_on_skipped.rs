//! `#[kl(..)]` on a field with `#[skip]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    #[skip]
    #[kl(monte_carlo)]
    width: usize,
}

fn main() {}
