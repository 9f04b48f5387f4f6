//! The first field says what the numbers are.
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
