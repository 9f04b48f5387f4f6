//! A prior is an expression, not its name.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior = "normal"]
    weight: MeanField,
}

fn main() {}
