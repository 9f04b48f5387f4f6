//! An optimiser changes a model while nothing else may look.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    head: std::cell::RefCell<Dense>,
}

fn main() {}
