//! An alias is no model.
use elbo::prelude::*;

#[bayesian]
type Network = Dense;

fn main() {}
