//! Calling `forward` of a model that was not drawn.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        self.layer.forward(x)
    }
}

fn output<'t>(network: &Network, x: Var<'t>) -> Var<'t> {
    network.forward(x)
}

fn main() {}
