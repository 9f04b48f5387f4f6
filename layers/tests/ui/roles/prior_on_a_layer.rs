//! `#[prior(..)]` on a layer.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    #[prior(Normal(0.0, 1.0))]
    second: Dense,
}

fn main() {}
