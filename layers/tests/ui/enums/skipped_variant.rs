//! `#[skip]` on an enum variant.
use elbo::prelude::*;

#[bayesian]
enum Block {
    Dense(Dense),
    #[skip]
    Nothing,
}

fn main() {}
