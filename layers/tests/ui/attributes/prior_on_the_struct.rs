//! A prior belongs to a weight, not to a model.
use elbo::prelude::*;

#[bayesian]
#[prior(Normal(0.0, 1.0))]
struct Network {
    layer: Dense,
}

fn main() {}
