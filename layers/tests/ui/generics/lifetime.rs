//! A lifetime parameter on the model.
use elbo::prelude::*;

#[bayesian]
struct Network<'a> {
    layer: Dense,
    #[skip]
    name: &'a str,
}

fn main() {}
