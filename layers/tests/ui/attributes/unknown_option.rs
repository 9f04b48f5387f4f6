//! An unknown option in `#[bayesian(..)]`.
use elbo::prelude::*;

#[bayesian(estimator = Flipout)]
struct Network {
    layer: Dense,
}

fn main() {}
