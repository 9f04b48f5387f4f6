//! A layer shared through an `Rc`.
use elbo::prelude::*;

use std::rc::Rc;

#[bayesian]
struct Network {
    embedding: Rc<Dense>,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        self.embedding.forward(self.embedding.forward(x))
    }
}

fn main() {}
