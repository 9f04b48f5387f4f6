//! A layer of any type may be of any number type: the model's own layers are of one.
use elbo::prelude::*;

#[bayesian]
struct Residual<M: Layer> {
    head: Dense,
    body: M,
}

fn main() {}
