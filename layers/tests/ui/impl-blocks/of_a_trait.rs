//! `#[bayesian]` on a trait's `impl` block.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
}

#[bayesian]
impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a network")
    }
}

fn main() {}
