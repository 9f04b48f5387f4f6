//! `#[bayesian]` on a function.
use elbo::prelude::*;

#[bayesian]
pub fn forward(x: Var) -> Var {
    x.relu()
}

fn main() {}
