//! A layer borrowed by the model.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    tied: &'static Dense,
}

fn main() {}
