//! `#[bayesian]` on a type alias.
use elbo::prelude::*;

#[bayesian]
type Network = Dense;

fn main() {}
