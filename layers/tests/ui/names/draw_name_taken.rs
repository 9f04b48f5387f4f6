//! A type named `NetworkDraw` beside the model `Network`, whose draw has that name.
use elbo::prelude::*;

struct NetworkDraw {
    picture: Vec<u8>,
}

#[bayesian]
struct Network {
    layer: Dense,
}

fn main() {}
