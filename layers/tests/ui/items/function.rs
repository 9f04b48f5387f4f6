//! A function is no model.
use elbo::prelude::*;

#[bayesian]
pub fn forward(x: Var) -> Var {
    x.relu()
}

fn main() {}
