//! A generic posterior has to have the divergence.
use elbo::prelude::*;

#[bayesian]
struct Network<Q: Posterior> {
    #[prior(Normal(0.0, 1.0))]
    weight: Q,
}

fn main() {}
