//! A function that returns `MonteCarlo<..>` as the prior, whose type the macro cannot read.
use elbo::prelude::*;

fn prior() -> MonteCarlo<Normal> {
    MonteCarlo(Normal(0.0, 1.0))
}

#[bayesian]
struct Network {
    #[prior(prior())]
    weight: MeanField,
}

fn main() {}
