//! A function that returns a number as the prior.
use elbo::prelude::*;

fn scale() -> f64 {
    1.0
}

#[bayesian]
struct Network {
    #[prior(scale())]
    weight: MeanField,
}

fn main() {}
