//! rustc finds the prior that was meant.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Nrmal(0.0, 1.0))]
    weight: MeanField,
}

fn main() {}
