//! `#[prior(..)]` on a container of weights.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    #[prior(Normal(0.0, 1.0))]
    bias: Option<MeanField>,
}

fn main() {}
