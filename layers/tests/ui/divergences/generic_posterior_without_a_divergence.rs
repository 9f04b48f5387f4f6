//! A generic posterior bounded by `Posterior` alone, without `Divergence<Normal>`.
use elbo::prelude::*;

#[bayesian]
struct Network<Q: Posterior> {
    #[prior(Normal(0.0, 1.0))]
    weight: Q,
}

fn main() {}
