//! `#[bayesian]` on a trait.
use elbo::prelude::*;

#[bayesian]
trait Network {}

fn main() {}
