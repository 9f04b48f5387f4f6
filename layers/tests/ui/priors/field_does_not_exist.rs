//! `#[prior(self.field)]` of a field that does not exist.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(self.prior)]
    weight: MeanField,
}

fn main() {}
