//! What a field's type is only rustc knows: its error stands at the type, with our note.
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
