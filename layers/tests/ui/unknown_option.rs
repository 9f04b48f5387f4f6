use elbo::prelude::*;

#[bayesian(estimator = Flipout)]
struct Options {
    #[prior(Normal(0.0, 1.0))]
    #[kl(montecarlo)]
    weight: MeanField,
    #[prior(Normal(0.0, 1.0), trainable)]
    bias: MeanField,
    #[prior = "normal"]
    gain: MeanField,
    #[skip(checkpoint)]
    width: usize,
    #[name(weight)]
    layer: Dense,
}

#[bayesian]
struct Spelled {
    #[piror(Normal(0.0, 1.0))]
    layer: Dense,
}

fn main() {}
