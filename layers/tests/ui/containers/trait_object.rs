//! The draw of a layer has a type, which a `dyn` forgets: an enum of layers remembers it.
use elbo::prelude::*;

#[bayesian]
struct Network {
    first: Dense,
    head: Box<dyn Layer>,
}

fn main() {}
