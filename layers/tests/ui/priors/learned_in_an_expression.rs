//! A prior that an expression makes at each draw is not learned.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(MonteCarlo(LearnedNormal(1.0)))]
    weight: MeanField,
}

fn main() {}
