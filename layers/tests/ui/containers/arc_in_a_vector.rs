//! A layer behind an `Arc`, nested in a `Vec`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    heads: Vec<std::sync::Arc<Dense>>,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        self.heads.iter().fold(x, |x, head| head.forward(x))
    }
}

fn main() {}
