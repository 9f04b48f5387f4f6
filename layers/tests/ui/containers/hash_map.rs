//! A `HashMap` of layers, whose iteration order is not fixed.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    heads: std::collections::HashMap<String, Dense>,
}

fn main() {}
