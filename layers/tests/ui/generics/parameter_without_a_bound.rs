//! What a generic layer can do has to be said.
use elbo::prelude::*;

#[bayesian]
struct Residual<M> {
    inner: M,
}

fn main() {}
