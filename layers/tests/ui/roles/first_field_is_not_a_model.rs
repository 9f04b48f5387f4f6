//! A first field whose type is not a model, from which the scalar type would follow.
use elbo::prelude::*;

struct Settings {
    width: usize,
}

#[bayesian]
struct Network {
    settings: Settings,
    layer: Dense,
}

fn main() {}
