//! `#[prior = ".."]` in place of `#[prior(..)]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior = "normal"]
    weight: MeanField,
}

fn main() {}
