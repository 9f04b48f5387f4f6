//! A prior whose hyperparameters are in another scalar type than the weights.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(self.scale)]
    weight: MeanField<f64>,
    scale: LearnedNormal,
}

fn main() {}
