//! What a generic layer can do has to be said, in a container too, and `Clone` does not say it.
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
