//! rustc finds the word that was meant.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[piror(Normal(0.0, 1.0))]
    layer: Dense,
}

fn main() {}
