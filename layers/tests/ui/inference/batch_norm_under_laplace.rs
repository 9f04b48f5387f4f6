//! Batch normalisation three deep inside containers, under an approximation that needs independent examples.

use elbo::Laplace;
use elbo::nn::BatchNorm;
use elbo::prelude::*;

#[bayesian]
struct Block {
    dense: Dense,
    norm: BatchNorm,
}

#[bayesian]
struct Stage {
    blocks: Vec<Option<Block>>,
}

#[bayesian]
struct Net {
    stages: [Box<Stage>; 2],
    head: Dense,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(x)
    }
}

fn fit(net: &Net, data: &Examples) {
    let _ = Laplace::new(Categorical).fit(net, data);
}

fn main() {}
