//! The block is of a model, by its name.
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
