//! A field whose type is a struct without `#[bayesian]`.
use elbo::prelude::*;

struct Settings {
    width: usize,
}

#[bayesian]
struct Network {
    layer: Dense,
    settings: Settings,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        self.layer.forward(x)
    }
}

fn main() {}
