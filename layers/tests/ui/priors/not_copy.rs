//! A prior is a value that every weight has for its own.
use elbo::prelude::*;

#[derive(Clone)]
struct Empirical {
    samples: Vec<f64>,
}

impl Prior for Empirical {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        w.square().sum() * -self.samples[0]
    }
}

fn main() {}
