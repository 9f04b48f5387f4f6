//! A text is no distribution.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior("normal")]
    weight: MeanField,
}

fn main() {}
