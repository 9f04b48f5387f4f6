//! A shared layer is one field, used twice in the forward.
use std::rc::Rc;

use elbo::prelude::*;

#[bayesian]
struct Network {
    embedding: Rc<Dense>,
    heads: Vec<std::sync::Arc<Dense>>,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        self.heads.iter().fold(self.embedding.forward(x), |x, head| head.forward(x))
    }
}

fn main() {}
