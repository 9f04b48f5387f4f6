//! A prior with learned hyperparameters constructed in `#[prior(..)]`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(MonteCarlo(LearnedNormal(1.0)))]
    weight: MeanField,
}

fn main() {}
