//! `#[kl(monte_carlo)]` for a posterior without a density.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    #[kl(monte_carlo)]
    weight: SpikeAndSlab,
}

fn main() {}
