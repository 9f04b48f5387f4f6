//! `#[bayesian]` on a union.
use elbo::prelude::*;

#[bayesian]
union Either {
    one: u32,
    other: f32,
}

fn main() {}
