//! `#[prior(..)]` on a field with `#[skip]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    weight: MeanField,
    #[prior(Normal(0.0, 1.0))]
    #[skip]
    width: usize,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        x * self.weight
    }
}

fn main() {}
