//! A weight with `#[prior(..)]` directly in an enum variant.
use elbo::prelude::*;

#[bayesian]
enum Block {
    Dense(Dense),
    Scale(#[prior(Normal(0.0, 1.0))] MeanField),
}

fn main() {}
