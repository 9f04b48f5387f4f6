//! An undeclared pair as the type arguments of a layer.
use elbo::prelude::*;

#[derive(Clone, Copy)]
struct Uniform;

impl Prior for Uniform {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        w.sum() * 0.0
    }
}

#[bayesian]
struct Network {
    layer: Dense<MeanField, Uniform>,
}

fn main() {}
