//! Hyperparameters are in the scalar type of the weights.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(self.scale)]
    weight: MeanField<f64>,
    scale: LearnedNormal,
}

fn main() {}
