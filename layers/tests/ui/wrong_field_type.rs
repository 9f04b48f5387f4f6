//! What a field's type is only rustc knows: its error stands at the type, with our note.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    width: usize,
    #[prior(Normal(0.0, 1.0))]
    weight: Vec<f64>,
}

#[bayesian]
struct First {
    width: usize,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        self.layer.forward(x)
    }
}

fn main() {}
