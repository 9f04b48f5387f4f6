//! `#[prior(self.field)]` of a skipped field that holds a number.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(self.width)]
    weight: MeanField,
    #[skip]
    width: f64,
}

fn main() {}
