//! An estimate cannot hide behind a function: the model would claim a closed form.
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
