//! `#[prior(self.field)]` of a field that holds a layer.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    #[prior(self.first)]
    weight: MeanField,
}

fn main() {}
