//! A number is no prior: which distribution it belongs to is not said.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(self.sd)]
    weight: MeanField,
    sd: f64,
}

fn main() {}
