//! A prior with learned hyperparameters in a field with `#[skip]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(self.scale)]
    weight: MeanField,
    #[skip]
    scale: LearnedNormal,
}

fn main() {}
