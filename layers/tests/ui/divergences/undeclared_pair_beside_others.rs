//! A layer with an undeclared pair, beside a correct layer: reported at its type.
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
    first: Dense,
    second: Dense<MeanField, Uniform>,
}

fn main() {}
