//! `#[bayesian]` on the `impl` block of a reference.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
}

#[bayesian]
impl &Network {
    fn forward(&self, x: Var) -> Var {
        self.layer.forward(x)
    }
}

fn main() {}
