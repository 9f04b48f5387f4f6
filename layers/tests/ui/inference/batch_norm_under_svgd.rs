//! Batch normalisation under a method that needs independent examples.

use elbo::Svgd;
use elbo::nn::BatchNorm;
use elbo::prelude::*;

#[bayesian]
struct Net {
    norm: Option<BatchNorm>,
    head: Dense,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(x)
    }
}

fn fit(net: &Net, data: &Examples) {
    let _ = Svgd::new(Categorical).fit(net, data, Epochs(1));
}

fn main() {}
