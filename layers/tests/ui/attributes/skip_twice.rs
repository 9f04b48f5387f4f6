//! `#[skip]` written twice on one field.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    #[skip]
    #[skip]
    width: usize,
}

fn main() {}
