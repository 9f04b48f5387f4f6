//! A misspelled attribute name, for which rustc suggests the right one.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[piror(Normal(0.0, 1.0))]
    layer: Dense,
}

fn main() {}
