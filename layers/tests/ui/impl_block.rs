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

    fn widen(&mut self) {
        self.layer = Dense::new(2, 4);
    }

    fn named<'t>(&self, x: &'t Tensor) -> usize {
        x.len()
    }

    fn forward(&self, x: Var) -> Var {
        self.layer.forward(x)
    }
}

#[bayesian]
impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a network")
    }
}

fn main() {
    let mut network = Network::new();
    network.widen();
    println!("{network}");
}
