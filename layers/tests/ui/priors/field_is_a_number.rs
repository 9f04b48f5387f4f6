//! `#[prior(self.field)]` of a field that holds a number.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(self.sd)]
    weight: MeanField,
    sd: f64,
}

fn main() {}
