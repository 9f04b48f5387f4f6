//! Nothing in a skipped field is learned.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(self.scale)]
    weight: MeanField,
    #[skip]
    scale: LearnedNormal,
}

fn main() {}
