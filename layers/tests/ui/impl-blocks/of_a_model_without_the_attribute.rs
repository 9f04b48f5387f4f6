//! `#[bayesian]` on the `impl` block and not on the struct.
use elbo::prelude::*;

struct Network {
    layer: Dense,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        self.layer.forward(x)
    }
}

fn main() {}
