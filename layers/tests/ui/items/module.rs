//! A module is no model.
use elbo::prelude::*;

#[bayesian]
mod networks {}

fn main() {}
