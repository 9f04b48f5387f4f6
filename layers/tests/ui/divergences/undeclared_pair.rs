//! A posterior and a prior without a `Divergence` for the pair.
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
    weight: MeanField,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        x * self.weight
    }
}

fn main() {}
