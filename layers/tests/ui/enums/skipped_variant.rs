//! A variant is not skipped.
use elbo::prelude::*;

#[bayesian]
enum Block {
    Dense(Dense),
    #[skip]
    Nothing,
}

fn main() {}
