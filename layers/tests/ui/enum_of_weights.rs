use elbo::prelude::*;

#[bayesian]
enum Block {
    Dense(Dense),
    Scale(#[prior(Normal(0.0, 1.0))] MeanField),
    #[skip]
    Nothing,
}

#[bayesian]
enum Activation {
    Relu,
    Tanh,
}

fn main() {}
