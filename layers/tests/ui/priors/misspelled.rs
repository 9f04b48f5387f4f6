//! A misspelled prior, for which rustc suggests the right name.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Nrmal(0.0, 1.0))]
    weight: MeanField,
}

fn main() {}
