//! Calling `forward` of a type parameter that is `Bayesian` and not `Layer`.
use elbo::prelude::*;

#[bayesian]
struct Residual<M: Bayesian> {
    inner: M,
}

#[bayesian]
impl<M: Bayesian> Residual<M> {
    fn forward(&self, x: Var<M::Scalar>) -> Var<M::Scalar> {
        x + self.inner.forward(x)
    }
}

fn main() {}
