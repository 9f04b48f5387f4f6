//! A prior is for one weight: weights in a container are layers.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    #[prior(Normal(0.0, 1.0))]
    bias: Option<MeanField>,
}

fn main() {}
