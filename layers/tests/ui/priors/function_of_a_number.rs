//! What a function gives, only rustc knows.
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
