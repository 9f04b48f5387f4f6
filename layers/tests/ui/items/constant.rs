//! A constant is no model.
use elbo::prelude::*;

#[bayesian]
const WIDTH: usize = 64;

fn main() {}
