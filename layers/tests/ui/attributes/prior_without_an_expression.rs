//! `#[prior()]` with empty parentheses.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior()]
    weight: MeanField,
}

fn main() {}
