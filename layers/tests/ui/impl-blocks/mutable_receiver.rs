//! A method with `&mut self` in a `#[bayesian] impl` block.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
}

#[bayesian]
impl Network {
    fn widen(&mut self) {
        self.layer = Dense::new(2, 4);
    }
}

fn main() {
    Network { layer: Dense::new(2, 2) }.widen();
}
