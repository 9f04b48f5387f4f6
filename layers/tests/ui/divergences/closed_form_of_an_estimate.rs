//! `model.kl()` of a model with an estimated divergence.
use elbo::prelude::*;

#[bayesian]
struct Inner {
    #[prior(MonteCarlo(Normal(0.0, 1.0)))]
    weight: MeanField,
}

#[bayesian]
struct Network {
    layers: Vec<Dense>,
    inner: Inner,
}

fn divergence(network: &Network) -> f64 {
    network.kl()
}

fn main() {}
