//! Reading a posterior's parameter (`rho`) from a drawn weight.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    weight: MeanField,
}

#[bayesian]
impl Network {
    fn norm(&self) -> f64 {
        self.weight.rho.len() as f64
    }
}

fn main() {}
