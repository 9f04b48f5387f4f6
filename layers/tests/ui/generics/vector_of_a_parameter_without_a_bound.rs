//! A `Vec` of layers whose type parameter has no bound but `Clone`.
use elbo::prelude::*;

#[bayesian]
struct Stack<M> {
    layers: Vec<M>,
}

#[bayesian]
pub struct Maybe<M: Clone, N>
where
    N: Send + 'static,
{
    layer: Option<Box<M>>,
    pair: (Dense, [N; 2]),
}

fn main() {}
