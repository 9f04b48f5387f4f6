//! A trait is no model.
use elbo::prelude::*;

#[bayesian]
trait Network {}

fn main() {}
