//! A layer in a `RefCell`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    head: std::cell::RefCell<Dense>,
}

fn main() {}
