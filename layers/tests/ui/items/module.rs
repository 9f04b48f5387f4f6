//! `#[bayesian]` on a module.
use elbo::prelude::*;

#[bayesian]
mod networks {}

fn main() {}
