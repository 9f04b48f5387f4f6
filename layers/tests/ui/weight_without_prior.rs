//! A random weight without a prior would have no divergence.
use elbo::prelude::*;

#[bayesian]
struct Layer {
    weight: MeanField,
}

#[bayesian]
impl Layer {
    fn forward(&self, x: Var) -> Var {
        x * self.weight
    }
}

fn main() {}
