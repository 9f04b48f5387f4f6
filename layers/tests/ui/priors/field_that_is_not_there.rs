//! The prior's field belongs to the model.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(self.prior)]
    weight: MeanField,
}

fn main() {}
