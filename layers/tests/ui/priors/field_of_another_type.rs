//! A prior is of a type that implements `Prior`.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(self.width)]
    weight: MeanField,
    #[skip]
    width: f64,
}

fn main() {}
