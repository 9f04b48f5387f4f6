//! A divergence is an implementation for the pair of types, or no divergence.
use elbo::prelude::*;

#[derive(Clone, Copy)]
struct Uniform;

impl Prior for Uniform {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        w.sum()
    }
}

#[bayesian]
struct Layer {
    #[prior(Uniform)]
    weight: MeanField,
}

#[bayesian]
struct Network {
    layer: Dense<MeanField, Uniform>,
}

fn main() {}
