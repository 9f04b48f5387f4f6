//! Struct and block both have the attribute.
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
