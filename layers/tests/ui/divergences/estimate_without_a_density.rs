//! Monte Carlo needs the density of the posterior at its samples.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    #[kl(monte_carlo)]
    weight: SpikeAndSlab,
}

fn main() {}
