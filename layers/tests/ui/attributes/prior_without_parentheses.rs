//! A prior is an expression.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior]
    weight: MeanField,
}

fn main() {}
