//! A posterior family without `#[prior(..)]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    weight: MeanField,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        x * self.weight
    }
}

fn main() {}
