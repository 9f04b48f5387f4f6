//! A layer is no prior.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    #[prior(self.first)]
    weight: MeanField,
}

fn main() {}
