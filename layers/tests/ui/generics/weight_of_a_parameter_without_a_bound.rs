//! A random weight whose type parameter has no bound.
use elbo::prelude::*;

#[bayesian]
struct Network<Q> {
    #[prior(Normal(0.0, 1.0))]
    weight: Q,
}

#[bayesian]
impl<Q> Network<Q> {
    fn named(&self) -> &'static str {
        "network"
    }
}

fn main() {}
