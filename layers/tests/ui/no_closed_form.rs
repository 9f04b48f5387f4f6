//! `kl()` of a model is exact, or it is not there.
use elbo::prelude::*;

#[bayesian]
struct Estimated {
    #[prior(MonteCarlo(Normal(0.0, 1.0)))]
    weight: MeanField,
}

#[bayesian]
struct Network {
    layers: Vec<Dense<MeanField, MonteCarlo<Normal>>>,
    estimated: Estimated,
}

fn divergence(network: &Network) -> f64 {
    network.kl()
}

fn prior() -> MonteCarlo<Normal> {
    MonteCarlo(Normal(0.0, 1.0))
}

#[bayesian]
struct Computed {
    #[prior(prior())]
    weight: MeanField,
}

fn main() {}
