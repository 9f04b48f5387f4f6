//! The order of a walk has to be the same every time.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    heads: std::collections::HashMap<String, Dense>,
}

fn main() {}
