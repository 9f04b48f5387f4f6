//! `#[bayesian]` on a constant.
use elbo::prelude::*;

#[bayesian]
const WIDTH: usize = 64;

fn main() {}
