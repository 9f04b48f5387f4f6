//! `recursive` without models, and `recursive(..)` on an `impl` block.
use elbo::prelude::*;

#[bayesian(recursive)]
struct Leaf {
    layer: Dense,
}

#[bayesian(recursive())]
struct Branch {
    leaf: Leaf,
}

#[bayesian(recursive(Leaf))]
impl Branch {
    fn forward(&self, x: Var) -> Var {
        self.leaf.layer.forward(x)
    }
}

fn main() {}
