//! The block is about a model whose weights are known.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
}

#[bayesian]
impl Network {
    fn new() -> Self {
        Network { layer: Dense::new(2, 2) }
    }

    fn forward(&self, x: Var) -> Var {
        self.layer.forward(x)
    }
}

fn main() {
    let _ = Network::new();
}
