//! A likelihood as a prior.
use elbo::prelude::*;

#[bayesian]
struct Layer {
    #[prior(Gaussian::new(1.0))]
    weight: MeanField,
}

fn main() {}
