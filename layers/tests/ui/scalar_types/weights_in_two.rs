//! Weights in two scalar types in one model.
use elbo::prelude::*;

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    single: MeanField,
    #[prior(Normal(0.0, 1.0))]
    double: MeanField<f64>,
}

fn main() {}
