//! A layer whose type parameter has no bound.
use elbo::prelude::*;

#[bayesian]
struct Residual<M> {
    inner: M,
}

fn main() {}
