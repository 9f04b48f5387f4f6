//! A method that declares the lifetime `'t`, which is the tape's.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
}

#[bayesian]
impl Network {
    fn named<'t>(&self, x: &'t Tensor) -> usize {
        x.len()
    }
}

fn main() {
    Network { layer: Dense::new(2, 2) }.named(&Tensor::zeros([1]));
}
