//! `#[prior]` without parentheses.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior]
    weight: MeanField,
}

fn main() {}
