//! A `Point` under a prior for which no `Divergence` is declared.
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
    #[prior(Uniform)]
    weight: Point,
}

fn main() {}
