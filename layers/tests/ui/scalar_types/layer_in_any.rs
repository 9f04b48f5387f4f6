//! A generic layer without `Scalar = f32` in a model in `f32`.
use elbo::prelude::*;

#[bayesian]
struct Residual<M: Layer> {
    head: Dense,
    body: M,
}

fn main() {}
