//! Batch normalisation three deep inside containers, under a sampler that needs independent examples.

use elbo::Sghmc;
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

fn sample(net: &Net, data: &Examples) {
    let _ = Sghmc::new(Categorical).run(net, data);
}

fn main() {}
