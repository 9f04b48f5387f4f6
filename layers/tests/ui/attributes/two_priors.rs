//! Two `#[prior(..)]` on one field.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    #[prior(Normal(0.0, 2.0))]
    weight: MeanField,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        x * self.weight
    }
}

fn main() {}
