//! The estimator is chosen at the draw, not at the type.
use elbo::prelude::*;

#[bayesian(estimator = Flipout)]
struct Network {
    layer: Dense,
}

fn main() {}
