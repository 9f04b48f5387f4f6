//! The draw of `Network` is called `NetworkDraw`.
use elbo::prelude::*;

struct NetworkDraw {
    picture: Vec<u8>,
}

#[bayesian]
struct Network {
    layer: Dense,
}

fn main() {}
