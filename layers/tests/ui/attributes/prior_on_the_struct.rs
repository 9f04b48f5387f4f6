//! `#[prior(..)]` on the struct in place of a field.
use elbo::prelude::*;

#[bayesian]
#[prior(Normal(0.0, 1.0))]
struct Network {
    layer: Dense,
}

fn main() {}
