//! `#[kl(..)]` on a field without `#[prior(..)]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[kl(monte_carlo)]
    layer: Dense,
}

fn main() {}
