use elbo::prelude::*;

#[bayesian]
struct Network {
    #[kl(monte_carlo)]
    layer: Dense,
    #[skip]
    #[kl(monte_carlo)]
    width: usize,
    #[prior(Normal(0.0, 1.0))]
    #[kl]
    weight: MeanField,
}

#[prior(Normal(0.0, 1.0))]
#[bayesian]
struct Above {
    layer: Dense,
}

fn main() {}
